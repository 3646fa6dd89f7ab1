import {
  createHttpReceiver,
  createMailbox,
  type DisconnectEvent,
  type Mailbox,
  receive,
} from '../../src/client/index.ts'
import { findFreePort } from '../_util/ports.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { depositNumbers, FAST, numberIn, range, receiving, startProxiedRelay, take } from './client-setup.ts'

async function expectEmpty(t: Test, relay: string, mailbox: Mailbox): Promise<void> {
  const http = createHttpReceiver({ relay, mailbox })
  const isEmpty = async () => {
    const { envelopes, waiting } = await http.fetchEnvelopes()
    return envelopes.length === 0 && !waiting.includes(true)
  }
  await eventually(isEmpty).catch(() => {})
  t.ok(await isEmpty(), 'nothing is left')
}

test('after a lost connection what was not acknowledged comes again under the same id, the rest does not', async (t) => {
  const { proxy, relay } = await startProxiedRelay(t)
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, range(1, 6))
  const lost: DisconnectEvent[] = []
  const envelopes = receive({ ...receiving(proxy.url), mailbox, onDisconnect: (event) => lost.push(event) })
  const before = await take(envelopes, 4)
  before[0]?.ack()
  before[1]?.ack()
  proxy.cut()
  before[2]?.ack()
  await eventually(() => lost.length === 1)
  const after = await take(envelopes, 3)
  t.same(after.map(numberIn), [4, 5, 6])
  t.equal(after[0]?.id, before[3]?.id)
  t.equal(lost[0]?.closeCode, 1006)
  for (const { ack } of after) ack()
  await envelopes.return?.()
  await expectEmpty(t, relay.url, mailbox)
})

test('acknowledgements made while disconnected reach the relay afterwards', async (t) => {
  const { proxy, relay } = await startProxiedRelay(t)
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, range(1, 30))
  let disconnects = 0
  const envelopes = receive({ ...receiving(proxy.url), mailbox, onDisconnect: () => disconnects++ })
  t.teardown(() => envelopes.return?.())
  const taken = await take(envelopes, 30)
  proxy.setTarget(await findFreePort())
  proxy.cut()
  await eventually(() => disconnects > 2)
  for (const { ack } of taken) ack()
  const next = take(envelopes, 1)
  proxy.setTarget(Number(new URL(relay.url).port))
  await expectEmpty(t, relay.url, mailbox)
  await depositNumbers(relay.url, mailbox.address, [31])
  t.same((await next).map(numberIn), [31], 'and none of them is given out again')
})

test('2,000 envelopes through a connection that breaks again and again: none is lost, and again means the same id', async (t) => {
  const { proxy, relay } = await startProxiedRelay(t, { LETHE_BUCKET_BYTES: '40000000' })
  const mailbox = createMailbox()
  const ids = new Map<number, string>()
  const numbers = new Map<string, number>()
  let again = 0
  const ending = new AbortController()
  const consuming = (async () => {
    const options = { ...receiving(proxy.url), mailbox, signal: ending.signal }
    for await (const envelope of receive(options)) {
      const number = numberIn(envelope)
      if (ids.has(number)) again++
      t.equal(ids.get(number) ?? envelope.id, envelope.id)
      t.equal(numbers.get(envelope.id) ?? number, number)
      ids.set(number, envelope.id)
      numbers.set(envelope.id, number)
      // Some are acknowledged later than others, so that a cut finds envelopes in every state.
      if (number % 7 === 0) setTimeout(envelope.ack, number % 5)
      else envelope.ack()
    }
  })()
  proxy.cutAfter(() => 10_000 + Math.random() * 400_000)
  await depositNumbers(relay.url, mailbox.address, range(1, 2_000))
  await eventually(() => ids.size === 2_000, { timeoutMs: 60_000 })
  await expectEmpty(t, relay.url, mailbox)
  ending.abort()
  await consuming
  t.equal(numbers.size, 2_000)
  t.ok(proxy.connections > 20, `${proxy.connections} connections, ${again} envelopes came again`)
})

test('a stalled connection goes on when the network does', async (t) => {
  const { proxy, relay } = await startProxiedRelay(t)
  const mailbox = createMailbox()
  const envelopes = receive({ ...receiving(proxy.url), mailbox })
  t.teardown(() => envelopes.return?.())
  const next = take(envelopes, 20)
  await eventually(() => proxy.open === 1)
  proxy.stall()
  await depositNumbers(relay.url, mailbox.address, range(1, 20))
  proxy.resume()
  t.same((await next).map(numberIn), range(1, 20))
  t.equal(proxy.connections, 1)
})

test('a connection on which nothing is heard any more is given up for another', async (t) => {
  const { proxy, relay } = await startProxiedRelay(t)
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, [1])
  const options = { ...receiving(proxy.url), mailbox, silenceMs: 1_000 }
  const envelopes = receive(options)
  t.teardown(() => envelopes.return?.())
  const [first] = await take(envelopes, 1)
  proxy.stall()
  const next = take(envelopes, 1)
  await eventually(() => proxy.connections > 1)
  proxy.resume()
  const [again] = await next
  t.equal(again?.id, first?.id)
})

test('connecting that takes too long is given up, and tried again', async (t) => {
  const { proxy, relay } = await startProxiedRelay(t)
  proxy.stall()
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, [1])
  const envelopes = receive({ ...receiving(proxy.url), mailbox, timeoutMs: 500 })
  t.teardown(() => envelopes.return?.())
  const next = take(envelopes, 1)
  await eventually(() => proxy.connections > 2)
  proxy.resume()
  t.same((await next).map(numberIn), [1])
})

test('the signal ends the iteration wherever it is, without an error, and closes the connection', async (t) => {
  const { proxy, relay } = await startProxiedRelay(t)
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, [1])
  const over = { done: true, value: undefined }
  const start = (signal: AbortSignal) => receive({ ...receiving(proxy.url), mailbox, signal })

  t.same(await start(AbortSignal.abort()).next(), over, 'before it began')
  t.equal(proxy.connections, 0)

  proxy.stall()
  const connecting = new AbortController()
  const first = start(connecting.signal).next()
  await eventually(() => proxy.connections === 1)
  connecting.abort()
  t.same(await first, over, 'while connecting')
  proxy.resume()
  await eventually(() => proxy.open === 0)

  const waiting = new AbortController()
  const envelopes = start(waiting.signal)
  const [envelope] = await take(envelopes, 1)
  const second = envelopes.next()
  waiting.abort()
  t.same(await second, over, 'while waiting for an envelope')
  envelope?.ack()
  await eventually(() => proxy.open === 0)

  const held = new AbortController()
  const holding = start(held.signal)
  const [again] = await take(holding, 1)
  t.equal(again?.id, envelope?.id, 'an acknowledgement after the end went nowhere')
  held.abort()
  await eventually(() => proxy.open === 0)
  t.same(await holding.next(), over, 'with an envelope in hand')

  proxy.setTarget(await findFreePort())
  const pausing = new AbortController()
  let tries = 0
  const retrying = receive({
    ...receiving(proxy.url),
    retry: { minDelayMs: 3_600_000, maxDelayMs: 3_600_000 },
    mailbox,
    signal: pausing.signal,
    onDisconnect: () => tries++,
  }).next()
  await eventually(() => tries === 1)
  pausing.abort()
  t.same(await retrying, over, 'between two tries')
  t.equal(proxy.open, 0)
})

test('bounds for trying again are kept to', async (t) => {
  const relay = `http://127.0.0.1:${await findFreePort()}`
  let tries = 0
  const envelopes = receive({
    ...receiving(relay),
    retry: { ...FAST, maxAttempts: 4 },
    mailbox: createMailbox(),
    onDisconnect: () => tries++,
  })
  await t.rejects(envelopes.next(), { name: 'NetworkError', code: 'ERR_NETWORK' })
  t.equal(tries, 3)
  t.same(await envelopes.next(), { done: true, value: undefined })
})
