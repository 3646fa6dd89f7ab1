import { randomBytes } from 'node:crypto'
import { createClient, type RedisTarget } from '../../src/store/redis/client.ts'
import type { StoreFault } from '../../src/store/redis/faults.ts'
import { bucketKey } from '../../src/store/redis/keys.ts'
import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { TOUCH_PERIOD_SECONDS, TouchSweep } from '../../src/store/redis/touch-sweep.ts'
import { createManualClock, type ManualClock } from '../_util/manual-clock.ts'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const IDLE_SECONDS = 5000
const KEYS = 1000

function targetOf({ port }: RedisServer): RedisTarget {
  return { kind: 'node', hosts: [{ host: '127.0.0.1', port }], tls: false, db: 0 }
}

/** Named as the relay names buckets. */
function createKey(): string {
  const bucket = { partition: randomBytes(2).readUInt16BE() % 4096, tag: randomBytes(16) }
  return bucketKey({ ...bucket, sizeIndex: 0, classIndex: 0, expiresAt: 0 })
}

/** Fills a Redis with keys that nobody has used for a while, and gives their names. */
async function createIdleKeys(redis: RedisServer, count: number): Promise<string[]> {
  await redis.cli('XADD', 'pattern', '0-1', 'e', 'sealed')
  const dump = await redis.cliBuffer('DUMP', 'pattern')
  await redis.cli('DEL', 'pattern')
  const keys = Array.from({ length: count }, createKey)
  for (const key of keys) await restoreIdle(redis, key, dump.subarray(0, dump.length))
  return keys
}

async function restoreIdle(redis: RedisServer, key: string, dump: Buffer): Promise<void> {
  await redis.cli('RESTORE', key, '0', dump, 'REPLACE', 'IDLETIME', String(IDLE_SECONDS))
}

async function idleSeconds(redis: RedisServer, key: string): Promise<number> {
  return Number(await redis.cli('OBJECT', 'IDLETIME', key))
}
