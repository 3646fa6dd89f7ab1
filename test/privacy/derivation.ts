import { createHash, createHmac } from 'node:crypto'
import { CLASSES } from '../conformance/client.ts'

/** What a relay derives from storeSecret and an address, made here from the protocol's own words [protocol §1]. */
export interface Queue {
  /** 16 bytes */
  readonly queueId: Buffer
  /** 32 bytes */
  readonly sealKey: Buffer
  /** 16 bytes */
  readonly idKey: Buffer
  /** 16 bytes */
  readonly wakeTag: Buffer
}

const label = (name: string) => Buffer.from(`lethe/v1 ${name}\0`, 'ascii')

function sha256Of16(...parts: readonly Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest().subarray(0, 16)
}

export function deriveQueue(storeSecret: Buffer, address: Buffer): Queue {
  const k = createHmac('sha512', storeSecret).update(label('queue')).update(address).digest()
  const queueId = k.subarray(0, 16)
  const wakeTag = sha256Of16(label('wake'), queueId)
  return { queueId, sealKey: k.subarray(16, 48), idKey: k.subarray(48, 64), wakeTag }
}

/** Which bucket: position in the list of sizes, position in that of classes, Unix seconds. */
export interface BucketName {
  readonly sizeIndex: number
  readonly classIndex: number
  readonly expiresAt: number
}

function fields({ sizeIndex, classIndex, expiresAt }: BucketName): Buffer {
  const bytes = Buffer.of(sizeIndex, classIndex, 0, 0, 0, 0)
  bytes.writeUInt32BE(expiresAt, 2)
  return bytes
}

/** 16 bytes. */
export function bucketTagOf({ queueId }: Queue, bucket: BucketName): Buffer {
  return sha256Of16(label('bucket'), queueId, fields(bucket))
}

/** The name of a bucket in Redis [protocol §8]. */
export function bucketKeyOf(queue: Queue, bucket: BucketName): string {
  const partition = queue.queueId.toString('hex', 0, 2).slice(0, 3)
  return `lethe1:{${partition}}:${bucketTagOf(queue, bucket).toString('base64url')}`
}

/** The buckets that a deposit can fall into between two moments in Unix seconds [protocol §3]. */
export function bucketsAt(sizeIndex: number, ttl: number, fromSeconds: number, toSeconds: number): BucketName[] {
  const classIndex = Math.max(0, CLASSES.filter((seconds) => seconds <= ttl).length - 1)
  const seconds = CLASSES[classIndex] as number
  const slot = seconds / 6
  const expiryAt = (now: number) => Math.floor((now + seconds) / slot) * slot
  const buckets: BucketName[] = []
  for (let expiresAt = expiryAt(fromSeconds); expiresAt <= expiryAt(toSeconds); expiresAt += slot) {
    buckets.push({ sizeIndex, classIndex, expiresAt })
  }
  return buckets
}
