import { eraseNow } from '../../src/mailbox/erasures.ts'
import { type MailboxStore, type StoreListener, StoreUnavailableError } from '../../src/mailbox/mailbox-store.ts'
import {
  BUCKET_OVERHEAD_BYTES,
  createMemoryStore,
  ENVELOPE_OVERHEAD_BYTES,
} from '../../src/store/memory/mailbox-store.ts'
import { collectGarbage } from '../_util/garbage.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { storeDeposit } from '../_util/store-deposit.ts'
import { type Test, test } from '../_util/tap.ts'
import {
  createQueue,
  deposit,
  firstOf,
  MINUTE,
  put,
  putMany,
  readAll,
  record,
  shown,
  survey,
} from '../contract/bench.ts'

const deaf: StoreListener = { wake() {}, announced() {}, up() {}, down() {}, replaced() {} }
const MEBIBYTE = 1024 * 1024

async function startStore(t: Test, { capacityBytes = MEBIBYTE, listener = deaf } = {}) {
  const clock = createManualClock(1_800_000_003_456)
  const store = createMemoryStore({ clock, capacityBytes })
  await store.start(listener)
  t.teardown(() => store.close())
  return { store, clock }
}

/** Deposits into buckets of their own until the store is full. */
async function fill(store: MailboxStore, bytes: number, classIndex = MINUTE) {
  const stored = []
  for (;;) {
    try {
      stored.push(await put(store, createQueue(), { classIndex, sealed: new Uint8Array(bytes) }))
    } catch (error) {
      if (error instanceof StoreUnavailableError) return stored
      throw error
    }
  }
}

test('a full store refuses, keeps what it has and takes again what was freed', async (t) => {
  const { store } = await startStore(t)
  const stored = await fill(store, 4028)
  t.equal(stored.length, Math.floor(MEBIBYTE / (4028 + ENVELOPE_OVERHEAD_BYTES + BUCKET_OVERHEAD_BYTES)))
  for (const record of stored) t.same(await readAll(store, record), [shown(record)])
  const { bucket, seq } = firstOf(stored)
  await t.rejects(deposit(store, createQueue(), { sealed: new Uint8Array(4028) }), StoreUnavailableError)
  await eraseNow(store, bucket, [seq])
  t.equal((await put(store, createQueue(), { sealed: new Uint8Array(4028) })).isFirst, true)
  await t.rejects(deposit(store, createQueue(), { sealed: new Uint8Array(4028) }), StoreUnavailableError)
  t.equal(store.isReady(), true, 'full is not down')
  t.same(await store.survey([bucket]), [])
})

test('a refused deposit leaves nothing behind', async (t) => {
  const { store } = await startStore(t)
  await fill(store, 4028)
  const queue = createQueue()
  await t.rejects(deposit(store, queue, { sealed: new Uint8Array(MEBIBYTE) }), StoreUnavailableError)
  t.same(await survey(store, queue), [])
})

test('all that was taken is given back, by erasing and by expiring', async (t) => {
  const { store, clock } = await startStore(t)
  const count = (await fill(store, 900)).length
  clock.advance(60_000)
  for (let round = 0; round < 3; round++) {
    const again = await fill(store, 900)
    t.equal(again.length, count)
    for (const { bucket, seq } of again) await eraseNow(store, bucket, [seq, seq, seq + 1])
  }
  const shared = createQueue()
  const whole = MEBIBYTE - BUCKET_OVERHEAD_BYTES - 3 * ENVELOPE_OVERHEAD_BYTES
  await put(store, shared, { sealed: new Uint8Array(100) })
  await put(store, shared, { sealed: new Uint8Array(200) })
  await t.rejects(deposit(store, shared, { sealed: new Uint8Array(whole - 300 + 1) }), StoreUnavailableError)
  t.equal((await put(store, shared, { sealed: new Uint8Array(whole - 300) })).isFirst, false, 'to the last byte')
})

test('a bucket ends at the first millisecond of its second', async (t) => {
  const { store, clock } = await startStore(t)
  const kept = await put(store, createQueue(), { classIndex: MINUTE })
  clock.advance(kept.bucket.expiresAt * 1000 - clock.nowMs() - 1)
  t.same(await readAll(store, kept), [shown(kept)])
  clock.advance(1)
  t.same(await readAll(store, kept), [])
})

test('nothing expired is shown when the timer is late', async (t) => {
  const { store, clock } = await startStore(t)
  const queue = createQueue()
  const kept = await put(store, queue, { classIndex: MINUTE })
  clock.jump(60_000)
  t.same(await readAll(store, kept), [])
  t.same(await store.survey([kept.bucket]), [])
  const next = await put(store, queue, { classIndex: MINUTE })
  await eraseNow(store, kept.bucket, [kept.seq])
  t.same(await readAll(store, next), [shown(next)])
})

test('a slot that ends while an envelope is sealed', async (t) => {
  const { store, clock } = await startStore(t)
  const queue = createQueue()
  const { bucket } = await put(store, queue, { classIndex: MINUTE })
  clock.advance((bucket.expiresAt - 50) * 1000 - clock.nowMs() - 1)
  const times: number[] = []
  const { isFirst } = (await storeDeposit(store, queue.partition, (now) => {
    times.push(now)
    const { sealed, ...made } = record(queue, now, { classIndex: MINUTE })
    let isSealed = times.length > 1
    return {
      ...made,
      get sealed() {
        if (!isSealed) clock.advance(1)
        isSealed = true
        return sealed
      },
    }
  })) as { isFirst: boolean }
  t.same(times, [bucket.expiresAt - 51, bucket.expiresAt - 50])
  t.equal(isFirst, true)
  t.equal((await readAll(store, { bucket })).length, 1, 'nothing was added to the slot that had ended')
})

test('wake-ups and announcements are heard in the order they were sent', async (t) => {
  const heard: string[] = []
  const listener = { ...deaf, wake: () => heard.push('wake'), announced: () => heard.push('claim') }
  const { store } = await startStore(t, { listener })
  const queue = createQueue()
  await store.follow(queue)
  const session = new Uint8Array(8)
  const first = store.announce(queue, { kind: 'claim', session })
  const second = put(store, queue).then(() => heard.push('stored'))
  const third = store.announce(queue, { kind: 'claim', session })
  t.same(heard, [])
  await Promise.all([first, second, third])
  t.same(heard, ['claim', 'wake', 'claim', 'stored'])
})

test('who has left hears nothing that was already on its way', async (t) => {
  const heard: string[] = []
  const listener = { ...deaf, wake: () => heard.push('wake'), announced: () => heard.push('claim') }
  const { store } = await startStore(t, { listener })
  const queue = createQueue()
  await store.follow(queue)
  const sending = [store.announce(queue, { kind: 'claim', session: new Uint8Array(8) }), put(store, queue)]
  store.unfollow(queue)
  await Promise.all(sending)
  t.same(heard, [])
})

test('bytes that fill their memory are kept without a copy, a part of a larger memory is copied', async (t) => {
  const { store } = await startStore(t)
  const queue = createQueue()
  const whole = new Uint8Array(100).fill(1)
  const part = new Uint8Array(1000).fill(2).subarray(300, 400)
  const { bucket } = await put(store, queue, { sealed: whole })
  await put(store, queue, { sealed: part })
  const [first, second] = (await store.read(bucket, undefined, 2)).entries
  t.equal(first?.sealed, whole)
  t.same(second?.sealed, part)
  t.equal(second?.sealed.buffer.byteLength, 100, 'so that nothing else stays with it')
})

test('what is erased or has expired is in no memory of the store any longer', async (t) => {
  const { store, clock } = await startStore(t)
  const queue = createQueue()

  async function putWatched(count: number, options = {}) {
    const stored = []
    for (let i = 0; i < count; i++) {
      const { bucket, seq, sealed } = await put(store, queue, { ...options, sealed: new Uint8Array(500) })
      stored.push({ bucket, seq, memory: new WeakRef(sealed) })
    }
    return stored
  }
  async function isLeft(memories: readonly { memory: WeakRef<Uint8Array> }[]) {
    await collectGarbage()
    return memories.map(({ memory }) => memory.deref() !== undefined)
  }

  const week = await putWatched(3)
  const minute = await putWatched(2, { classIndex: MINUTE })
  t.same(await isLeft(week), [true, true, true])
  await eraseNow(store, firstOf(week).bucket, [firstOf(week).seq + 1])
  t.same(await isLeft(week), [true, false, true])
  t.same(await isLeft(minute), [true, true])
  clock.advance(60_000)
  t.same(await isLeft(minute), [false, false], 'by the timer alone')
  await store.close()
  t.same(await isLeft(week), [false, false, false])
})

test('an envelope list packs its gaps and keeps its order', async (t) => {
  const { store } = await startStore(t)
  const queue = createQueue()
  const stored = await putMany(store, queue, 400, { sealed: new Uint8Array(1), capacity: 500 })
  const { bucket, seq: base } = firstOf(stored)
  const left = new Set(stored.map(({ seq }) => seq))
  for (const i of Array.from({ length: 399 }, (_, i) => (i * 7) % 400)) {
    await eraseNow(store, bucket, [base + i])
    left.delete(base + i)
    if (i % 5 > 0) continue
    const seqs = (await readAll(store, { bucket })).map(({ seq }) => seq)
    t.same(seqs, [...left])
    const after = await store.read(bucket, { base, last: base + i }, 1)
    t.equal(
      after.entries[0]?.seq,
      [...left].find((seq) => seq > base + i),
    )
  }
  t.equal(left.size, 1)
})
