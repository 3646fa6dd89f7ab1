import type { Bucket, QueueName } from '../../mailbox/mailbox-store.ts'

export const PARTITIONS = 4096

/** Bits of queueId that choose the wake-up channel. [protocol §8] */
export type WakeBits = 12 | 16 | 20 | 24

/** Partition in three hex digits, the hash tag of all its names. */
export function hashTag(partition: number): string {
  return partition.toString(16).padStart(3, '0')
}

export function bucketKey(bucket: Bucket): string {
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
