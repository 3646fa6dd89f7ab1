import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { bucketOf, deriveQueue, sealEnvelope } from '../../src/mailbox/sealing.ts'
import { expiryOf } from '../../src/protocol/retention.ts'
import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import type { RedisServer } from '../../test/_util/redis.ts'
import { storeDeposit } from '../../test/_util/store-deposit.ts'
import { eventually } from '../../test/_util/wait.ts'
import { ENVELOPE_BYTES, type Truth } from './layout.ts'
import { withConnection } from './observe.ts'
import type { SimulatedDay } from './simulated-day.ts'

const PROBES = 20
const DAY = 3

/**
 * Somebody who knows an address, and sees the store before and after, deposits one envelope like anybody may, and looks
 * which bucket has grown. The relay, which has the secret, does the rest.
 * @returns of how many addresses the bucket was found, and how many were tried
 */
export async function probe(
  server: RedisServer,
  day: SimulatedDay,
  truth: Truth,
  storeSecret: Uint8Array,
): Promise<{ tried: number; found: number }> {
  const mailboxes = [...new Set([...truth.values()].map(({ mailbox }) => mailbox))].slice(0, PROBES)
  const target = { kind: 'node', hosts: [{ host: '127.0.0.1', port: server.port }], tls: false, db: 0 } as const
  const relay = new RedisMailboxStore({ target, minReplicas: 0, wakeBits: 12 })
  try {
    await relay.start({ wake() {}, announced() {}, up() {}, down() {}, replaced() {} })
    await eventually(() => relay.isReady())
    return await withConnection(server, async (redis) => {
      let found = 0
      for (const mailbox of mailboxes) {
        const before = await lengths(redis)
        const expected = await depositLikeAnybody(relay, storeSecret, day.addresses[mailbox] as Buffer)
        const grown = [...(await lengths(redis))].filter(([key, length]) => length > (before.get(key) ?? 0))
        if (grown.length === 1 && grown[0]?.[0].endsWith(expected)) found++
      }
      return { tried: mailboxes.length, found }
    })
  } finally {
    await relay.close()
  }
}

/** What a relay does with a deposit. @returns the end of the bucket's name, to judge the attack by */
async function depositLikeAnybody(relay: RedisMailboxStore, storeSecret: Uint8Array, address: Buffer): Promise<string> {
  const queue = deriveQueue(storeSecret, address)
  let name = ''
  await storeDeposit(relay, queue.partition, (now) => {
    const bucket = bucketOf(queue, 0, DAY, expiryOf(now, DAY))
    name = Buffer.from(bucket.tag).toString('base64url')
    const sealed = sealEnvelope(queue, bucket, randomBytes(12), randomBytes(ENVELOPE_BYTES[0] as number))
    return { bucket, queue, firstSeq: randomBytes(6).readUIntBE(0, 6), capacity: 1000, sealed }
  })
  return name
}

async function lengths(redis: Redis): Promise<Map<string, number>> {
  const keys = await redis.keys('*')
  const replies = (await redis.pipeline(keys.map((key) => ['xlen', key])).exec()) ?? []
  return new Map(keys.map((key, i) => [key, Number(replies[i]?.[1] ?? 0)]))
}
