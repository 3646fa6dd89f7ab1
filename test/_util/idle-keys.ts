import { randomBytes, randomInt } from 'node:crypto'
import { Redis } from 'ioredis'

/** How long nobody has used the keys, as Redis is told. */
export const IDLE_SECONDS = 5000

/** A key named as a relay names its buckets. */
export function createBucketKey(): string {
  return `lethe1:{${randomInt(4096).toString(16).padStart(3, '0')}}:${randomBytes(16).toString('base64url')}`
}

/** Runs `use` on a connection to a Redis on 127.0.0.1. */
export async function withRedis<T>(port: number, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(port, '127.0.0.1')
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

/** Makes buckets of one entry that nobody has used for `IDLE_SECONDS`, or gives those that there are that age again. */
export async function makeIdle(redis: Redis, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    if ((await redis.exists(key)) === 0) await redis.xadd(key, '0-1', 'e', 'sealed')
    const dump = (await redis.callBuffer('DUMP', key)) as Buffer
    await redis.call('RESTORE', key, '0', dump, 'REPLACE', 'IDLETIME', String(IDLE_SECONDS))
  }
}

/** How many of the keys have not been used for about `IDLE_SECONDS`, where they are. */
export async function countIdle(redis: Redis, keys: readonly string[]): Promise<number> {
  const pipeline = redis.pipeline()
  for (const key of keys) pipeline.object('IDLETIME', key)
  const replies = (await pipeline.exec()) ?? []
  return replies.filter(([, seconds]) => Number(seconds) >= IDLE_SECONDS).length
}
