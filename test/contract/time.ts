import { eraseNow } from '../../src/mailbox/erasures.ts'
import { type Cases, createQueue, deposit, type Instance, MINUTE, put, readAll, shown, survey, WEEK } from './bench.ts'

export const timeCases: Cases = {
  // With a real clock this waits for about a minute.
  'a bucket is gone when its time is up, and not before': async (t, bench) => {
    const instance = await bench.start()
    const { store } = instance
    const queue = createQueue()
    const stays = await put(store, queue, { classIndex: WEEK })
    const goes = await put(store, queue, { classIndex: MINUTE })
    const { expiresAt } = goes.bucket
    t.same(await readAll(store, goes), [shown(goes)])

    await bench.passUntil(store, expiresAt - 3)
    const early = await look(instance, queue, goes)
    if (early.second < expiresAt - 1) {
      t.same(early.entries, [shown(goes)])
      t.equal(early.rows.length, 2)
    }

    await bench.passUntil(store, expiresAt + 1)
    const late = await look(instance, queue, goes)
    t.same(late.entries, [])
    t.same(late.rows, [[0, WEEK, stays.bucket.expiresAt, 1]])
    await eraseNow(store, goes.bucket, [goes.seq])
    const next = await put(store, queue, { classIndex: MINUTE, firstSeq: 12_345 })
    t.same([next.seq, next.isFirst], [12_345, true], 'what comes later is in another bucket')
    t.not(next.bucket.expiresAt, expiresAt)
    t.same(await readAll(store, stays), [shown(stays)])
  },

  'a full bucket hinders nobody once the slot is over': async (t, bench) => {
    const { store } = await bench.start()
    const queue = createQueue()
    const options = { classIndex: MINUTE, capacity: 1 }
    const first = await put(store, queue, options)
    await bench.passUntil(store, first.bucket.expiresAt - 60 + 10)
    const next = await put(store, queue, options)
    t.ok(next.bucket.expiresAt > first.bucket.expiresAt)
    const { outcome, bucket } = await deposit(store, queue, options)
    if (bucket.expiresAt === next.bucket.expiresAt) t.same(outcome, { kind: 'full' })
    t.same(await readAll(store, first), [shown(first)], 'the older one still waits')
  },
}

/** What is there, and the second by which it certainly was. */
async function look({ store }: Instance, queue: ReturnType<typeof createQueue>, kept: Parameters<typeof readAll>[1]) {
  const entries = await readAll(store, kept)
  const rows = await survey(store, queue)
  return { entries, rows, second: store.nowSeconds(queue.partition) }
}
