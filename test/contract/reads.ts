import { eraseNow } from '../../src/mailbox/erasures.ts'
import type { Cursor } from '../../src/mailbox/mailbox-store.ts'
import { bucketsOf } from '../../src/mailbox/sealing.ts'
import { type Cases, createQueue, DAY, deposit, firstOf, put, putMany, readAll, shown, survey, WEEK } from './bench.ts'

/** Envelopes of 4,000 bytes in a bucket of 4 MiB. */
const USUAL_CAPACITY = 1048

export const readCases: Cases = {
  'a survey counts what waits and leaves out the empty': async (t, bench) => {
    const { store } = await bench.start()
    const [queue, other] = [createQueue(), createQueue()]
    t.same(await store.survey([]), [])
    t.same(await survey(store, queue), [])
    const week = firstOf(await putMany(store, queue, 3))
    const day = await put(store, queue, { sizeIndex: 1, classIndex: DAY })
    t.same(await survey(store, queue), [
      [0, WEEK, week.bucket.expiresAt, 3],
      [1, DAY, day.bucket.expiresAt, 1],
    ])
    t.same(await survey(store, other), [])
    const buckets = bucketsOf(queue, 2, store.nowSeconds(queue.partition))
    for (const { bucket } of await store.survey(buckets)) {
      t.ok(
        buckets.some(({ tag }) => Buffer.compare(tag, bucket.tag) === 0),
        'each under the name that was asked for',
      )
    }
  },

  'a bucket that does not exist is empty': async (t, bench) => {
    const { store } = await bench.start()
    const bucket = firstOf(bucketsOf(createQueue(), 1, store.nowSeconds(0)))
    for (const after of [undefined, { base: 7, last: 9 }]) {
      const { entries, more } = await store.read(bucket, after, 10)
      t.same([entries, more], [[], false])
    }
  },

  'a page says which number was given last, also after that envelope is gone': async (t, bench) => {
    const { store } = await bench.start()
    const stored = await putMany(store, createQueue(), 5)
    const { bucket, seq: base } = firstOf(stored)
    const lastOf = async (limit: number) => (await store.read(bucket, undefined, limit)).last
    t.same([await lastOf(2), await lastOf(9)], [base + 4, base + 4])
    await eraseNow(store, bucket, [base + 1, base + 4])
    t.same([await lastOf(2), await lastOf(9)], [base + 4, base + 4])
  },

  'reading gives at most the limit, from the start or after the cursor': async (t, bench) => {
    const { store } = await bench.start()
    const stored = await putMany(store, createQueue(), 7)
    const { bucket, seq: base } = firstOf(stored)
    const start = await store.read(bucket, undefined, 3)
    t.equal(start.base, base)
    t.same(start.entries.map(shown), stored.slice(0, 3).map(shown))
    t.equal(start.more, true)
    const middle = await store.read(bucket, { base, last: base + 2 }, 3)
    t.equal(middle.base, base)
    t.same(middle.entries.map(shown), stored.slice(3, 6).map(shown))
    t.equal(middle.more, true)
    const end = await store.read(bucket, { base, last: base + 5 }, 3)
    t.same(end.entries.map(shown), stored.slice(6).map(shown))
    t.equal(end.more, false)
    const past = await store.read(bucket, { base, last: base + 6 }, 3)
    t.same([past.base, past.entries, past.more], [base, [], false])
    t.same(
      (await store.read(bucket, undefined, 3)).entries.map(shown),
      stored.slice(0, 3).map(shown),
      'and erases none',
    )
  },

  'a cursor finds what came after it was taken': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const { bucket, seq: base } = firstOf(await putMany(store, queue, 2))
    const cursor = { base, last: base + 1 }
    t.same((await store.read(bucket, cursor, 5)).entries, [])
    const later = await put(store, queue)
    t.same((await store.read(bucket, cursor, 5)).entries.map(shown), [shown(later)])
  },

  'a bucket of the usual size is read in pages, also over gaps': async (t, bench) => {
    const { store } = await bench.start()
    const stored = await putMany(store, createQueue(), USUAL_CAPACITY)
    t.same(await readAll(store, firstOf(stored), 32), stored.map(shown))
    const isLeft = (i: number) => i % 97 === 5
    const { bucket } = firstOf(stored)
    await eraseNow(
      store,
      bucket,
      stored.filter((_, i) => !isLeft(i)).map(({ seq }) => seq),
    )
    const left = stored.filter((_, i) => isLeft(i))
    t.same(await readAll(store, firstOf(stored), 4), left.map(shown))
  },

  'a cursor whose own envelope is gone still marks its place': async (t, bench) => {
    const { store } = await bench.start()
    const stored = await putMany(store, createQueue(), 9)
    const { bucket, seq: base } = firstOf(stored)
    const erased = [0, 3, 4, 6]
    await eraseNow(
      store,
      bucket,
      erased.map((i) => base + i),
    )
    for (const [i] of stored.entries()) {
      const expected = stored.filter((_, j) => j > i && !erased.includes(j))
      const page = await store.read(bucket, { base, last: base + i }, 9)
      t.equal(page.base, base, 'the base stays when the first envelope goes')
      t.same(page.entries.map(shown), expected.map(shown))
    }
  },

  'a bucket that was emptied and filled again has another base and is read from its start': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const before = firstOf(await putMany(store, queue, 4, { firstSeq: 1_000_000 }))
    const old: Cursor = { base: before.seq, last: before.seq + 3 }
    await eraseNow(
      store,
      before.bucket,
      [0, 1, 2, 3].map((i) => before.seq + i),
    )
    for (const firstSeq of [5000, 2_000_000]) {
      const after = await putMany(store, queue, 2, { firstSeq })
      const page = await store.read(before.bucket, old, 10)
      t.equal(page.base, firstSeq)
      t.same(page.entries.map(shown), after.map(shown))
      await eraseNow(store, before.bucket, [firstSeq, firstSeq + 1])
    }
    t.same((await deposit(store, queue, { firstSeq: 9000 })).outcome, {
      kind: 'stored',
      seq: 9000,
      isFirst: true,
      isAnnounced: true,
    })
  },
}
