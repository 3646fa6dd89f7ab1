import { Redis } from 'ioredis'
import { type Bucket, StoreUnavailableError } from '../../src/mailbox/mailbox-store.ts'
import { bucketKey } from '../../src/store/redis/keys.ts'
import { readPage } from '../../src/store/redis/page.ts'
import { startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'

const bucket: Bucket = { partition: 7, tag: Buffer.alloc(16, 1), sizeIndex: 0, classIndex: 0, expiresAt: 2_000_000_000 }
const key = bucketKey(bucket)

/** A Redis on which something happens between the two commands of a read, each time it is read. */
async function open(t: Test, meanwhile: (redis: Redis, reads: number) => Promise<unknown>) {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const redis = new Redis(server.port)
  t.teardown(() => redis.disconnect())
  let reads = 0
  const meddled = new Proxy(redis, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (name !== 'callBuffer') return typeof value === 'function' ? value.bind(target) : value
      return async (command: string, ...args: string[]) => {
        if (command === 'XINFO') await meanwhile(target, ++reads)
        return await target.callBuffer(command, ...args)
      }
    },
  })
  return { redis, meddled }
}

async function fill(redis: Redis, first: number, count: number): Promise<void> {
  await redis.del(key)
  for (let seq = first; seq < first + count; seq++) await redis.xadd(key, `0-${seq}`, 'e', `sealed ${seq}`)
}

const seqs = (page: Awaited<ReturnType<typeof readPage>>) => page.entries.map(({ seq }) => seq)

test('[protocol §8] a bucket that becomes another one while it is read is read again, from its start', async (t) => {
  const { redis, meddled } = await open(t, async (on, reads) => {
    if (reads === 1) await fill(on, 100, 3)
  })
  await fill(redis, 5_000, 4)
  const page = await readPage(meddled, bucket, { base: 5_000, last: 5_001 }, 10)
  t.same(seqs(page), [100, 101, 102])
  t.same([page.base, page.last, page.more], [100, 102, false])
})

test('[protocol §8] and so where there was no cursor', async (t) => {
  const { redis, meddled } = await open(t, async (on, reads) => {
    if (reads === 1) await fill(on, 9_000, 2)
  })
  await fill(redis, 5_000, 4)
  t.same(seqs(await readPage(meddled, bucket, undefined, 10)), [9_000, 9_001])
})

test('what is added while a bucket is read comes with the next read', async (t) => {
  const { redis, meddled } = await open(t, (on) => on.xadd(key, '0-*', 'e', 'later'))
  await fill(redis, 5_000, 2)
  const page = await readPage(meddled, bucket, undefined, 2)
  t.same([seqs(page), page.last, page.more], [[5_000, 5_001], 5_002, true])
})

test('a bucket that is gone by then is empty', async (t) => {
  const { redis, meddled } = await open(t, (on) => on.del(key))
  await fill(redis, 5_000, 4)
  t.same(await readPage(meddled, bucket, undefined, 10), { base: 0, last: 0, entries: [], more: false })
})

test('one that is never the same twice is not waited for', async (t) => {
  let first = 1_000
  const { redis, meddled } = await open(t, (on) => {
    first += 1_000
    return fill(on, first, 2)
  })
  await fill(redis, 500, 2)
  await t.rejects(readPage(meddled, bucket, undefined, 10), StoreUnavailableError)
})
