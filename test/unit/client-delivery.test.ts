import { Delivery, type DeliveryOptions } from '../../src/client/delivery.ts'
import { DisplacedError } from '../../src/client/errors.ts'
import { test } from '../_util/tap.ts'

/** A delivery whose owner writes down what it is asked for. `isOpen` says whether there is a channel. */
function createDelivery(options: DeliveryOptions = {}) {
  const owner = { isOpen: true, starts: 0, stops: 0, frames: [] as number[] }
  const delivery = new Delivery(options, {
    start: () => owner.starts++,
    stop: () => owner.stops++,
    sendAcks: (ids) => {
      if (owner.isOpen) owner.frames.push(ids.length / 16)
      return owner.isOpen
    },
  })
  return { delivery, owner, push: (n: number) => delivery.push(idOf(n), Uint8Array.of(n)) }
}

function idOf(n: number): Uint8Array {
  const id = new Uint8Array(16)
  new DataView(id.buffer).setUint32(12, n)
  return id
}

async function take(delivery: Delivery) {
  const step = await delivery.next()
  if (step.done) throw new Error('the iteration is over')
  return step.value
}

test('nothing happens before the first envelope is asked for', async (t) => {
  const { delivery, owner, push } = createDelivery()
  t.equal(owner.starts, 0)
  const first = take(delivery)
  t.equal(owner.starts, 1)
  push(1)
  t.same((await first).envelope, Uint8Array.of(1))
  push(2)
  await take(delivery)
  t.equal(owner.starts, 1)
})

test('acknowledgements of one turn go out together, at most 64 in a frame', async (t) => {
  const { delivery, owner, push } = createDelivery()
  for (let n = 1; n <= 150; n++) push(n)
  for (let n = 1; n <= 150; n++) (await take(delivery)).ack()
  void delivery.next()
  t.same(owner.frames, [64, 64, 22])
})

test('acknowledging twice is acknowledging once', async (t) => {
  const { delivery, owner, push } = createDelivery()
  push(1)
  const one = await take(delivery)
  one.ack()
  one.ack()
  void delivery.next()
  t.same(owner.frames, [1])
})

test('acknowledgements without a channel wait for the next one', async (t) => {
  const { delivery, owner, push } = createDelivery()
  push(1)
  const one = await take(delivery)
  owner.isOpen = false
  delivery.disconnect()
  one.ack()
  void delivery.next()
  t.same(owner.frames, [])
  owner.isOpen = true
  delivery.flush()
  t.same(owner.frames, [1])
  delivery.flush()
  t.same(owner.frames, [1], 'once')
})

test('what was acknowledged is acknowledged again when it comes again, and not given out', async (t) => {
  const { delivery, owner, push } = createDelivery()
  push(1)
  ;(await take(delivery)).ack()
  const next = take(delivery)
  delivery.disconnect()
  push(1)
  push(2)
  t.same((await next).envelope, Uint8Array.of(2))
  void delivery.next()
  t.same(owner.frames, [1, 1])
})

test('what came again before it was acknowledged is not given out after that', async (t) => {
  const { delivery, owner, push } = createDelivery()
  push(1)
  const one = await take(delivery)
  delivery.disconnect()
  push(1)
  push(2)
  one.ack()
  t.same((await take(delivery)).envelope, Uint8Array.of(2))
  void delivery.next()
  t.same(owner.frames, [1])
})

test('after a lost connection what was given out and not acknowledged comes again, under the same id', async (t) => {
  const { delivery, push } = createDelivery()
  push(1)
  push(2)
  const before = await take(delivery)
  delivery.disconnect()
  push(1)
  push(2)
  const again = await take(delivery)
  t.equal(again.id, before.id)
  t.same((await take(delivery)).envelope, Uint8Array.of(2), 'and what had not been given out comes once')
})

test('onDrained is called in its place between the envelopes, each time', async (t) => {
  const seen: unknown[] = []
  const { delivery, push } = createDelivery({ onDrained: () => seen.push('drained') })
  push(1)
  delivery.pushDrained()
  push(2)
  delivery.pushDrained()
  seen.push((await take(delivery)).envelope[0])
  seen.push((await take(delivery)).envelope[0])
  void delivery.next()
  t.same(seen, [1, 'drained', 2, 'drained'])
})

test('a relay that is drained again and again is drained once, until more has come', async (t) => {
  let drained = 0
  const { delivery, push } = createDelivery({ onDrained: () => drained++ })
  push(1)
  for (let i = 0; i < 1_000; i++) delivery.pushDrained()
  await take(delivery)
  void delivery.next()
  t.equal(drained, 1)
})

test('untilDrained ends the iteration there, and acknowledgements still go out', async (t) => {
  const { delivery, owner, push } = createDelivery({ untilDrained: true })
  push(1)
  delivery.pushDrained()
  const ids: string[] = []
  for await (const { id, ack } of delivery) {
    ids.push(id)
    ack()
  }
  t.equal(ids.length, 1)
  t.same(owner, { isOpen: true, starts: 1, stops: 1, frames: [1] })
})

test('an error that onDrained throws ends the iteration with it', async (t) => {
  const { delivery, owner } = createDelivery({
    onDrained: () => {
      throw new Error('mine')
    },
  })
  delivery.pushDrained()
  await t.rejects(delivery.next(), { message: 'mine' })
  t.equal(owner.stops, 1)
})

test('leaving the loop sends what was acknowledged and lets go', async (t) => {
  const { delivery, owner, push } = createDelivery()
  push(1)
  push(2)
  for await (const { ack } of delivery) {
    ack()
    break
  }
  t.same(owner, { isOpen: true, starts: 1, stops: 1, frames: [1] })
  t.same(await delivery.next(), { done: true, value: undefined })
})

test('an error goes to whoever waits, once; after that the iteration is over', async (t) => {
  const { delivery, owner, push } = createDelivery()
  const waiting = [delivery.next(), delivery.next()] as const
  delivery.end(new DisplacedError())
  await t.rejects(waiting[0], { code: 'ERR_DISPLACED', name: 'DisplacedError' })
  t.same(await waiting[1], { done: true, value: undefined })
  t.same(await delivery.next(), { done: true, value: undefined })
  push(1)
  t.same(await delivery.next(), { done: true, value: undefined })
  t.equal(owner.stops, 1)
})

test('an error that came while nobody waited is given to the next who asks', async (t) => {
  const { delivery, push } = createDelivery()
  push(1)
  await take(delivery)
  delivery.end(new DisplacedError())
  await t.rejects(delivery.next(), { code: 'ERR_DISPLACED' })
})

test('ended before it began, it never begins', async (t) => {
  const { delivery, owner } = createDelivery()
  delivery.end()
  t.same(await delivery.next(), { done: true, value: undefined })
  t.same([owner.starts, owner.stops], [0, 0])
})

test('a relay that sends without end and without being acknowledged is not listened to', async (t) => {
  const { delivery, owner, push } = createDelivery()
  push(0)
  await take(delivery)
  for (let n = 1; n < 10_000 && owner.stops === 0; n++) push(n)
  t.equal(owner.stops, 1)
  await t.rejects(delivery.next(), { code: 'ERR_UNEXPECTED_ANSWER' })
})
