import { randomBytes } from 'node:crypto'
import { eraseNow } from '../../src/mailbox/erasures.ts'
import type { MailboxStore } from '../../src/mailbox/mailbox-store.ts'
import { bucketOf, type Queue } from '../../src/mailbox/sealing.ts'
import { expiryOf, slotSeconds } from '../../src/protocol/retention.ts'
import { type SealedEnvelope, storeDeposit } from '../_util/store-deposit.ts'
import {
  type Cases,
  type Contract,
  createQueue,
  DAY,
  deposit,
  firstOf,
  hex,
  MINUTE,
  put,
  putMany,
  randomSeq,
  readAll,
  record,
  shown,
  survey,
  WEEK,
} from './bench.ts'

const cases: Cases = {
  'the first envelope creates its bucket, further ones count up from it': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const [firstSeq, ...others] = [randomSeq(), randomSeq(), randomSeq()]
    const first = await put(store, queue, { firstSeq })
    t.same([first.seq, first.isFirst], [firstSeq, true])
    for (const [i, other] of others.entries()) {
      const { seq, isFirst } = await put(store, queue, { firstSeq: other })
      t.same([seq, isFirst], [firstSeq + i + 1, false])
    }
  },

  'the ends of the range of 48 random bits': async (t, bench) => {
    const { store } = await bench.start()
    for (const firstSeq of [1, 2 ** 32 - 1, 2 ** 48 - 1]) {
      const queue = createQueue()
      const stored = await putMany(store, queue, 3, { firstSeq })
      t.same(
        stored.map(({ seq }) => seq),
        [firstSeq, firstSeq + 1, firstSeq + 2],
      )
      t.same(await readAll(store, firstOf(stored)), stored.map(shown))
    }
  },

  'deposits of one loop turn are stored in the order of the calls': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const lanes = [
      { sizeIndex: 0, classIndex: WEEK },
      { sizeIndex: 1, classIndex: WEEK },
      { sizeIndex: 0, classIndex: DAY },
    ]
    const others = Array.from({ length: 20 }, createQueue)
    const puts = Array.from({ length: 90 }, (_, i) => put(store, queue, lanes[i % 3]))
    const elsewhere = others.flatMap((other) => [put(store, other), put(store, other)])
    const stored = await Promise.all(puts)
    for (const lane of lanes) {
      const mine = stored.filter(
        ({ bucket }) => bucket.sizeIndex === lane.sizeIndex && bucket.classIndex === lane.classIndex,
      )
      const first = firstOf(mine)
      t.same(
        mine.map(({ seq, isFirst }) => [seq, isFirst]),
        mine.map((_, i) => [first.firstSeq + i, i === 0]),
      )
      t.same(await readAll(store, first), mine.map(shown))
    }
    const pairs = await Promise.all(elsewhere)
    for (const [i, { seq, isFirst, firstSeq }] of pairs.entries()) {
      if (i % 2 === 0) t.same([seq, isFirst], [firstSeq, true])
      else t.same([seq, isFirst], [(pairs[i - 1]?.seq as number) + 1, false])
    }
  },

  'bytes come back as they were': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const everyByte = Uint8Array.from({ length: 512 }, (_, i) => i)
    const inputs = [everyByte, randomBytes(4028), randomBytes(64_028), new Uint8Array(29)]
    const expected = inputs.map(hex)
    const stored = []
    for (const sealed of inputs) stored.push(await put(store, queue, { sealed }))
    const pieces = [everyByte.subarray(0, 12), randomBytes(4000), new Uint8Array(0), everyByte.subarray(500)]
    await storeDeposit(store, queue.partition, (now) => ({ ...record(queue, now), sealed: pieces }))
    const entries = await readAll(store, firstOf(stored))
    t.same(
      entries.map(({ sealed }) => sealed),
      [...expected, hex(Buffer.concat(pieces))],
    )
  },

  'a full bucket takes no more, keeps what it has and hinders no other': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const stored = await putMany(store, queue, 3)
    const first = firstOf(stored)
    t.same((await deposit(store, queue, { capacity: 3 })).outcome, { kind: 'full' })
    t.equal((await put(store, queue, { capacity: 3, sizeIndex: 1 })).isFirst, true)
    t.equal((await put(store, queue, { capacity: 3, classIndex: DAY })).isFirst, true)
    t.equal((await put(store, createQueue(), { capacity: 3 })).isFirst, true)
    t.same(await readAll(store, first), stored.map(shown), 'the earlier ones are intact')
    await eraseNow(store, first.bucket, [first.seq + 1])
    const next = await put(store, queue, { capacity: 3 })
    t.same([next.seq, next.isFirst], [first.seq + 3, false], 'room again, and no number twice')
    t.same((await deposit(store, queue, { capacity: 3 })).outcome, { kind: 'full' })
  },

  'a bucket that fills up within one loop turn': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const results = await Promise.all(Array.from({ length: 9 }, () => deposit(store, queue, { capacity: 4 })))
    t.same(
      results.map(({ outcome }) => outcome.kind),
      [...Array(4).fill('stored'), ...Array(5).fill('full')],
    )
    t.equal((await readAll(store, firstOf(results))).length, 4)
  },

  'seal is given the time of the store': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const before = store.nowSeconds(queue.partition)
    const times: number[] = []
    await storeDeposit(store, queue.partition, (now) => {
      times.push(now)
      return record(queue, now)
    })
    const after = store.nowSeconds(queue.partition)
    t.ok(times.length === 1 && times.every(Number.isInteger))
    t.ok((times[0] as number) >= before && (times[0] as number) <= after)
  },

  'an expiry that does not fit is sealed again, and never stored': async (t, bench) => {
    const { store } = await bench.start()
    for (const slots of [-1, 1, 7]) {
      const queue = createQueue()
      const { outcome, buckets } = await depositMisfit(store, queue, slots)
      t.equal(outcome.kind, 'stored')
      t.equal(buckets.length, 2, 'sealed once more')
      t.same((await store.read(firstOf(buckets), undefined, 10)).entries, [], 'nothing where it does not belong')
      t.same(await survey(store, queue), [[0, WEEK, expiryOf(store.nowSeconds(queue.partition), WEEK), 1]])
    }
  },

  'an expiry that never fits is refused in the end, and nothing of it kept': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const misfit = (now: number) => {
      const bucket = bucketOf(queue, 0, MINUTE, expiryOf(now, MINUTE) + 2 * slotSeconds(MINUTE))
      return { ...record(queue, now), bucket }
    }
    const [before, refusal] = await Promise.allSettled([
      put(store, queue),
      storeDeposit(store, queue.partition, misfit),
    ])
    t.same([before.status, refusal.status], ['fulfilled', 'rejected'])
    await put(store, queue)
    const rows = await survey(store, queue)
    t.same(
      rows.map(([size, classIndex, , count]) => [size, classIndex, count]),
      [[0, WEEK, 2]],
    )
  },
}

const sharedCases: Cases = {
  'two instances that deposit at once share one count': async (t, bench) => {
    const [one, other] = [await bench.start(), await bench.start()]
    const queue = createQueue()
    const [mine, theirs] = await Promise.all([
      putMany(one.store, queue, 40, { capacity: 80 }),
      putMany(other.store, queue, 40, { capacity: 80 }),
    ])
    const all = [...mine, ...theirs].sort((a, b) => a.seq - b.seq)
    const first = firstOf(all)
    t.same(
      all.map(({ seq, isFirst }) => [seq, isFirst]),
      all.map((_, i) => [first.firstSeq + i, i === 0]),
    )
    for (const list of [mine, theirs]) {
      t.same(
        list.map(({ seq }) => seq),
        list.map(({ seq }) => seq).sort((a, b) => a - b),
        'each in the order of its calls',
      )
    }
    t.same(await readAll(one.store, first), all.map(shown))
    t.same(await readAll(other.store, first), all.map(shown))
    t.same((await deposit(other.store, queue, { capacity: 80 })).outcome, { kind: 'full' })
  },
}

export function depositCases({ isShared }: Contract): Cases {
  return isShared ? { ...cases, ...sharedCases } : cases
}

/** Deposits an envelope whose expiry is at first so many slots away from where it belongs. */
async function depositMisfit(store: MailboxStore, queue: Queue, slots: number) {
  const seals: SealedEnvelope[] = []
  const outcome = await storeDeposit(store, queue.partition, (now) => {
    const fitting = record(queue, now)
    const wrong = bucketOf(queue, 0, WEEK, fitting.bucket.expiresAt + slots * slotSeconds(WEEK))
    const given = seals.length === 0 ? { ...fitting, bucket: wrong } : fitting
    seals.push(given)
    return given
  })
  return { outcome, buckets: seals.map(({ bucket }) => bucket) }
}
