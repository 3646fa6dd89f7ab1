import { randomBytes } from 'node:crypto'
import { Delivery, type DeliveryOutlet, ENVELOPE_ROOM_BYTES } from '../../src/mailbox/delivery.ts'
import { type MailboxStore, type Page, StoreUnavailableError } from '../../src/mailbox/mailbox-store.ts'
import { bucketOf, deriveQueue, sealEnvelope } from '../../src/mailbox/sealing.ts'
import { expiryOf } from '../../src/protocol/retention.ts'
import { createMemoryStore } from '../../src/store/memory/mailbox-store.ts'
import { ignoredCounts } from '../_util/counts.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { PLAIN_POLICY, turn } from '../_util/sessions.ts'
import { storeDeposit } from '../_util/store-deposit.ts'
import { test } from '../_util/tap.ts'

const ENVELOPE_BYTES = 4_000
const DAY = 3
/** More than there are steps from the answer of a read to the end of a round of reading. */
const STEPS = 40
/** Number of the first envelope of a bucket. */
const FIRST_SEQ = 1_000

/** One mailbox that is being delivered from, a hook on every read's answer, and looks that may fail. */
async function deliverer(afterRead: () => void, mayLook = () => true) {
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  const memory = createMemoryStore({ clock, capacityBytes: 1_000_000 })
  await memory.start({ wake() {}, announced() {}, up() {}, down() {}, replaced() {} })
  const store: MailboxStore = new Proxy(memory, {
    get(target, name) {
      if (name === 'read') {
        return async (...args: Parameters<MailboxStore['read']>): Promise<Page> => {
          const page = await target.read(...args)
          afterRead()
          return page
        }
      }
      if (name === 'survey') {
        return async (...args: Parameters<MailboxStore['survey']>) => {
          if (!mayLook()) throw new StoreUnavailableError()
          return await target.survey(...args)
        }
      }
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const queue = deriveQueue(randomBytes(32), randomBytes(32))
  const bucket = bucketOf(queue, 0, DAY, expiryOf(memory.nowSeconds(0), DAY))
  let delivered = 0
  let drains = 0
  const outlet: DeliveryOutlet = {
    envelope: () => {
      delivered++
    },
    drained: () => {
      drains++
    },
    takeRoom: (wanted) => wanted,
    freeRoom() {},
  }
  const delivery = new Delivery(
    { store, policy: PLAIN_POLICY, clock, counts: ignoredCounts },
    [queue],
    outlet,
    () => {},
  )
  const put = () => {
    const sealed = sealEnvelope(queue, bucket, randomBytes(12), randomBytes(ENVELOPE_BYTES))
    void storeDeposit(memory, queue.partition, () => ({ bucket, queue, firstSeq: FIRST_SEQ, capacity: 100, sealed }))
    delivery.wake(queue, 0, DAY, bucket.expiresAt)
  }
  const hand = (seq: number, isFirst: boolean) => {
    const bytes = new Uint8Array(ENVELOPE_ROOM_BYTES + ENVELOPE_BYTES)
    const { expiresAt } = bucket
    const name = { sizeIndex: 0, classIndex: DAY, expiresAt, seq, isFirst }
    delivery.handOver(queue, { ...name, envelopeOffset: ENVELOPE_ROOM_BYTES, take: () => bytes })
  }
  return { clock, delivery, put, hand, delivered: () => delivered, drains: () => drains, close: () => memory.close() }
}

function afterSteps(steps: number, action: () => void): void {
  if (steps === 0) action()
  else queueMicrotask(() => afterSteps(steps - 1, action))
}

test('an envelope that arrives while a round of reading comes to its end is delivered too', async (t) => {
  for (let steps = 0; steps < STEPS; steps++) {
    let isFirst = true
    const { delivery, put, delivered, close } = await deliverer(() => {
      if (isFirst) afterSteps(steps, put)
      isFirst = false
    })
    delivery.start()
    await turn()
    put()
    for (let i = 0; i < 10; i++) await turn()
    t.equal(delivered(), 2, `${steps} steps after the answer`)
    delivery.stop()
    await close()
  }
})

test('[protocol §5] no DRAINED while the last look has failed, and one when another has succeeded', async (t) => {
  let canLook = true
  const { clock, delivery, drains, close } = await deliverer(
    () => {},
    () => canLook,
  )
  delivery.start()
  await turn()
  t.equal(drains(), 1, 'after OPEN')
  canLook = false
  for (let i = 0; i < 3; i++) {
    delivery.look()
    await turn()
    clock.advance(2_000)
    await turn()
  }
  t.equal(drains(), 1, 'nobody knows what waits')
  canLook = true
  clock.advance(2_000)
  await turn()
  t.equal(drains(), 2, 'caught up')
  delivery.look()
  await turn()
  t.equal(drains(), 2, 'once')
  delivery.stop()
  await close()
})

test('[protocol §5] the first envelope of a bucket that is gone does not move the place in the one that followed it', async (t) => {
  const { delivery, put, hand, delivered, close } = await deliverer(() => {})
  delivery.start()
  await turn()
  put()
  put()
  for (let i = 0; i < 10; i++) await turn()
  t.equal(delivered(), 2)
  // Stored, read, acknowledged and erased elsewhere before its sender's relay heard of it.
  hand(FIRST_SEQ - 500, true)
  for (let i = 0; i < 10; i++) await turn()
  t.equal(delivered(), 2, 'neither that one nor what was sent already')
  put()
  for (let i = 0; i < 10; i++) await turn()
  t.equal(delivered(), 3, 'only what is new')
  delivery.stop()
  await close()
})
