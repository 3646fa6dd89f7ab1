import { createCipheriv, createDecipheriv, createHmac, hash } from 'node:crypto'
import { concatBytes, label } from '../protocol/bytes.ts'
import { liveExpiries, TTL_CLASSES } from '../protocol/retention.ts'
import type { Bucket, QueueName } from './mailbox-store.ts'

const QUEUE_LABEL = label('lethe/v1 queue')
const BUCKET_LABEL = label('lethe/v1 bucket')
const WAKE_LABEL = label('lethe/v1 wake')

export const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Bytes that sealing adds to an envelope: nonce and authentication tag. [protocol §2] */
export const SEAL_BYTES = NONCE_BYTES + TAG_BYTES

/** Everything that is derived from one storeSecret and one address. Lives in RAM while the mailbox is served. [protocol §1] */
export interface Queue extends QueueName {
  readonly queueId: Uint8Array
  readonly sealKey: Uint8Array
  readonly idKey: Uint8Array
  /** The wakeTag as latin1 text, to look it up by. */
  readonly wakeKey: string
  /** The bucket that was named last, since the next envelope mostly belongs in the same. */
  lastBucket?: Bucket
}

/** `HMAC-SHA-512(storeSecret, "lethe/v1 queue" ‖ 0 ‖ address)`, cut up. [protocol §1] */
export function deriveQueue(storeSecret: Uint8Array, address: Uint8Array): Queue {
  const k = createHmac('sha512', storeSecret).update(QUEUE_LABEL).update(address).digest()
  const queueId = k.subarray(0, 16)
  const prefix = k.readUIntBE(0, 3)
  const input = concatBytes(WAKE_LABEL, queueId)
  const wakeTag = hash('sha256', input, 'buffer').subarray(0, 16)
  input.fill(0)
  return {
    queueId,
    sealKey: k.subarray(16, 48),
    idKey: k.subarray(48, 64),
    partition: prefix >> 12,
    prefix,
    wakeTag,
    wakeKey: wakeTag.toString('latin1'),
  }
}

/** Overwrites the keys of a queue that is served no longer. Its partition and wakeTag stay. */
export function wipeQueue(queue: Queue): void {
  queue.queueId.fill(0)
  queue.sealKey.fill(0)
  queue.idKey.fill(0)
}

/** Name of one bucket of a queue. [protocol §1] */
export function bucketOf(queue: Queue, sizeIndex: number, classIndex: number, expiresAt: number): Bucket {
  const last = queue.lastBucket
  if (last?.expiresAt === expiresAt && last.classIndex === classIndex && last.sizeIndex === sizeIndex) return last
  const bucket = nameBucket(queue, sizeIndex, classIndex, expiresAt)
  queue.lastBucket = bucket
  return bucket
}

function nameBucket(queue: Queue, sizeIndex: number, classIndex: number, expiresAt: number): Bucket {
  const input = Buffer.allocUnsafe(BUCKET_LABEL.length + 16 + 6)
  input.set(BUCKET_LABEL)
  input.set(queue.queueId, BUCKET_LABEL.length)
  writeBucketFields(input, BUCKET_LABEL.length + 16, sizeIndex, classIndex, expiresAt)
  const tag = hash('sha256', input, 'buffer').subarray(0, 16)
  input.fill(0)
  return { partition: queue.partition, tag, sizeIndex, classIndex, expiresAt }
}

/** Every bucket in which envelopes of the queue can wait now; within a size and class the earliest expiry first. [protocol §8] */
export function bucketsOf(queue: Queue, sizes: number, nowSeconds: number): Bucket[] {
  const buckets: Bucket[] = []
  for (let classIndex = 0; classIndex < TTL_CLASSES.length; classIndex++) {
    for (const expiresAt of liveExpiries(nowSeconds, classIndex)) {
      for (let sizeIndex = 0; sizeIndex < sizes; sizeIndex++) {
        buckets.push(nameBucket(queue, sizeIndex, classIndex, expiresAt))
      }
    }
  }
  return buckets
}

/** `nonce[12] ‖ AES-256-GCM(sealKey, nonce, aad = bucketTag, envelope) ‖ tag[16]`, as these three pieces. [protocol §2] */
export function sealEnvelope(queue: Queue, bucket: Bucket, nonce: Uint8Array, envelope: Uint8Array): Uint8Array[] {
  const cipher = createCipheriv('aes-256-gcm', queue.sealKey, nonce)
  cipher.setAAD(bucket.tag)
  const ciphertext = cipher.update(envelope)
  cipher.final()
  return [nonce, ciphertext, cipher.getAuthTag()]
}

/**
 * The envelope, with `headroomBytes` of unwritten space before it for a frame's header.
 * @returns undefined if the bytes were not sealed for this bucket, hence written by somebody else: such an entry is never
 *   shown, and expires with its bucket
 */
export function openEnvelope(
  queue: Queue,
  bucket: Bucket,
  sealed: Uint8Array,
  headroomBytes: number,
): Buffer | undefined {
  if (sealed.length < SEAL_BYTES) return undefined
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', queue.sealKey, sealed.subarray(0, NONCE_BYTES))
  decipher.setAAD(bucket.tag)
  decipher.setAuthTag(sealed.subarray(end))
  const envelope = decipher.update(sealed.subarray(NONCE_BYTES, end))
  try {
    decipher.final()
    const framed = Buffer.allocUnsafe(headroomBytes + envelope.length)
    framed.set(envelope, headroomBytes)
    return framed
  } catch {
    return undefined
  } finally {
    envelope.fill(0)
  }
}

/** What an envelopeId says to the relay that made it. */
export interface EnvelopeName {
  readonly sizeIndex: number
  readonly classIndex: number
  readonly expiresAt: number
  readonly seq: number
}

/** EnvelopeIds of one queue: AES-128 of one block under idKey. [protocol §1] */
export class EnvelopeIds {
  readonly #cipher
  readonly #decipher
  readonly #block = Buffer.alloc(16)

  constructor(queue: Queue) {
    // Every id is one independent block, so one ECB context each way serves the whole session.
    this.#cipher = createCipheriv('aes-128-ecb', queue.idKey, null).setAutoPadding(false)
    this.#decipher = createDecipheriv('aes-128-ecb', queue.idKey, null).setAutoPadding(false)
  }

  /** 16 bytes. */
  encode(name: EnvelopeName): Buffer {
    writeBucketFields(this.#block, 0, name.sizeIndex, name.classIndex, name.expiresAt)
    this.#block.writeUInt32BE(Math.floor(name.seq / 0x1_0000_0000), 6)
    this.#block.writeUInt32BE(name.seq >>> 0, 10)
    return this.#cipher.update(this.#block)
  }

  /** One entry for each of the ids, which stand back to back; undefined for what is no id of this queue. */
  decode(ids: Uint8Array, sizes: number): (EnvelopeName | undefined)[] {
    const blocks = this.#decipher.update(ids)
    const names: (EnvelopeName | undefined)[] = []
    for (let offset = 0; offset < blocks.length; offset += 16) {
      const sizeIndex = blocks[offset] as number
      const classIndex = blocks[offset + 1] as number
      const seq = blocks.readUInt32BE(offset + 6) * 0x1_0000_0000 + blocks.readUInt32BE(offset + 10)
      const isName =
        blocks.readUInt16BE(offset + 14) === 0 &&
        sizeIndex < sizes &&
        classIndex < TTL_CLASSES.length &&
        Number.isSafeInteger(seq)
      names.push(isName ? { sizeIndex, classIndex, expiresAt: blocks.readUInt32BE(offset + 2), seq } : undefined)
    }
    return names
  }
}

function writeBucketFields(into: Buffer, at: number, sizeIndex: number, classIndex: number, expiresAt: number): void {
  into[at] = sizeIndex
  into[at + 1] = classIndex
  into.writeUInt32BE(expiresAt, at + 2)
}
