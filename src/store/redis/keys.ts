import type { Bucket, QueueName } from '../../mailbox/mailbox-store.ts'
import { MAX_TTL_SECONDS } from '../../protocol/retention.ts'

export const PARTITIONS = 4096

/** Bits of queueId that choose the wake-up channel. [protocol §8] */
export type WakeBits = 12 | 16 | 20 | 24

/**
 * Every form that a key or channel in Redis can have; `ppp` is a partition in hex. There are no others. [protocol §8]
 * `maxLifetimeSeconds`: when a key is gone at the latest; of a channel nothing is ever stored.
 */
export const REDIS_NAMES = {
  'lethe1:{ppp}:<bucketTag>': {
    type: 'stream',
    pattern: /^lethe1:\{[0-9a-f]{3}\}:[\w-]{22}$/,
    maxLifetimeSeconds: MAX_TTL_SECONDS,
  },
  'lethe1:{ppp}:w': { type: 'channel', pattern: /^lethe1:\{[0-9a-f]{3}\}:w$/, maxLifetimeSeconds: 0 },
  'lethe1:{ppp}:w:<hex>': {
    type: 'channel',
    pattern: /^lethe1:\{[0-9a-f]{3}\}:w:[0-9a-f]{1,3}$/,
    maxLifetimeSeconds: 0,
  },
} as const satisfies Record<string, { type: 'stream' | 'channel'; pattern: RegExp; maxLifetimeSeconds: number }>

/** Partition in three hex digits, the hash tag of all its names. */
export function hashTag(partition: number): string {
  return partition.toString(16).padStart(3, '0')
}

export function bucketKey(bucket: Pick<Bucket, 'partition' | 'tag'>): string {
  const { tag } = bucket
  const text = Buffer.from(tag.buffer, tag.byteOffset, tag.length).toString('base64url')
  return `lethe1:{${hashTag(bucket.partition)}}:${text}`
}

export function partitionChannel(partition: number): string {
  return `lethe1:{${hashTag(partition)}}:w`
}

/** Channel of a queue's wake-ups and claims: by its first 12 bits, or by further hex digits of its queueId as well. */
export function wakeChannel(queue: QueueName, wakeBits: WakeBits): string {
  const channel = partitionChannel(queue.partition)
  if (wakeBits === 12) return channel
  const digits = (wakeBits - 12) / 4
  const further = (queue.prefix & 0xfff).toString(16).padStart(3, '0').slice(0, digits)
  return `${channel}:${further}`
}
