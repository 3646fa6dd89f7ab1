import { eraseNow } from '../../src/mailbox/erasures.ts'
import { type Cases, createQueue, DAY, firstOf, put, putMany, readAll, shown, survey, WEEK } from './bench.ts'

export const erasureCases: Cases = {
  'what is erased is gone, and nothing else': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const stored = await putMany(store, queue, 5)
    const day = await put(store, queue, { classIndex: DAY, firstSeq: firstOf(stored).seq })
    const { bucket, seq } = firstOf(stored)
    await eraseNow(store, bucket, [seq + 1, seq + 3])
    const left = [0, 2, 4].map((i) => stored[i] as typeof day)
    t.same(await readAll(store, { bucket }), left.map(shown))
    t.same(await readAll(store, day), [shown(day)], 'the same number in another bucket')
    t.same(await survey(store, queue), [
      [0, DAY, day.bucket.expiresAt, 1],
      [0, WEEK, bucket.expiresAt, 3],
    ])
    const next = await put(store, queue)
    t.same([next.seq, next.isFirst], [seq + 5, false])
  },

  'erasing what is not there is ignored': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const stored = await putMany(store, queue, 3, { firstSeq: 500 })
    const { bucket } = firstOf(stored)
    t.equal(await eraseNow(store, bucket, []), 0)
    t.equal(await eraseNow(store, bucket, [1, 499, 503, 2 ** 48, 2 ** 53 - 1]), 0)
    t.equal(await eraseNow(store, { ...bucket, tag: Buffer.alloc(16, 7) }, [500]), 0)
    t.same(await readAll(store, { bucket }), stored.map(shown))
    t.equal(await eraseNow(store, bucket, [501, 501, 9, 501]), 1, 'how many were there')
    t.equal(await eraseNow(store, bucket, [501]), 0)
    t.same(await survey(store, queue), [[0, WEEK, bucket.expiresAt, 2]])
  },

  'a bucket goes with its last envelope': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const { bucket } = firstOf(await putMany(store, queue, 3, { firstSeq: 500 }))
    t.equal(await eraseNow(store, bucket, [502]), 1)
    t.equal(await eraseNow(store, bucket, [500, 501]), 2)
    t.same(await survey(store, queue), [])
    t.same(await readAll(store, { bucket }), [])
    const again = await put(store, queue, { firstSeq: 77 })
    t.same([again.seq, again.isFirst], [77, true], 'nothing of the count is remembered')
  },

  'an old acknowledgement, repeated after the bucket was emptied and filled again, loses nothing': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const before = await putMany(store, queue, 3)
    const { bucket } = firstOf(before)
    const old = before.map(({ seq }) => seq)
    await eraseNow(store, bucket, old)
    const after = await putMany(store, queue, 3)
    t.same(firstOf(after).bucket.tag, bucket.tag, 'filled again in the same slot')
    t.equal(await eraseNow(store, bucket, old), 0)
    t.same(await readAll(store, { bucket }), after.map(shown))
    t.same(await survey(store, queue), [[0, WEEK, bucket.expiresAt, 3]])
  },

  'deposits, reads and erasures of one loop turn': async (t, bench) => {
    const { store } = await bench.start()
    const queues = Array.from({ length: 8 }, createQueue)
    const stored = await Promise.all(queues.map((queue) => putMany(store, queue, 3, { capacity: 10 })))
    const work = stored.flatMap((records, i) => {
      const { bucket, seq } = firstOf(records)
      const queue = queues[i] as (typeof queues)[0]
      return [eraseNow(store, bucket, [seq]), put(store, queue, { capacity: 10 }), eraseNow(store, bucket, [seq + 1])]
    })
    await Promise.all(work)
    for (const records of stored) {
      const { bucket, seq } = firstOf(records)
      const left = await readAll(store, { bucket })
      t.same(
        left.map((entry) => entry.seq),
        [seq + 2, seq + 3],
      )
    }
  },
}
