import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './address.ts'
import { ByteReader, ByteWriter, concatBytes, label, MalformedError } from './bytes.ts'
import { ENVELOPE_ID_BYTES } from './envelope.ts'
import { parseIds } from './mailbox-frames.ts'

/** Seconds that a signed time may be away from the store's clock. [protocol §5] */
export const SIGNED_TIME_TOLERANCE_SECONDS = 300
export const MAX_FETCH_WAIT_SECONDS = 30
export const MAX_FETCH_SLOTS = 16
export const MAX_FETCH_BYTES = 256 * 1024

const FETCH_LABEL = label('lethe/v1 fetch')
const ACK_LABEL = label('lethe/v1 ack')

export const FETCH_REQUEST_BYTES = PUBLIC_KEY_BYTES + 8 + 3 + SIGNATURE_BYTES

/** Body of a fetch without its signature: `publicKey[32] ‖ time u64 ‖ sizeIndex u8 ‖ wait u8 ‖ slots u8`. */
export interface FetchRequest {
  publicKey: Uint8Array
  timeSeconds: number
  sizeIndex: number
  waitSeconds: number
  slots: number
}

/** Body of an ack without its signature: `publicKey[32] ‖ time u64 ‖ envelopeId[16] × n`, the ids back to back. */
export interface AckRequest {
  publicKey: Uint8Array
  timeSeconds: number
  ids: Uint8Array
}

/** A parsed body and what is needed to check it: the bytes before the signature, and the signature. */
export interface Signed<T> {
  request: T
  covered: Uint8Array
  signature: Uint8Array
}

/** What is signed: label, `SHA-256(origin)`, and everything in the body before the signature. [protocol §5] */
export function signedPreimage(kind: 'fetch' | 'ack', originHash: Uint8Array, covered: Uint8Array): Uint8Array {
  return concatBytes(kind === 'fetch' ? FETCH_LABEL : ACK_LABEL, originHash, covered)
}

/**
 * @param envelopeBytes the relay's sizes, which `sizeIndex` and `slots` are judged by
 * @throws MalformedError for a wrong length, or a field out of range
 */
export function parseFetchRequest(body: Uint8Array, envelopeBytes: readonly number[]): Signed<FetchRequest> {
  const reader = new ByteReader(body)
  const publicKey = reader.bytes(PUBLIC_KEY_BYTES)
  const time = reader.bytes(8)
  const sizeIndex = reader.u8()
  const waitSeconds = reader.u8()
  const slots = reader.u8()
  const signature = reader.bytes(SIGNATURE_BYTES)
  reader.end()
  const size = envelopeBytes[sizeIndex]
  const isInRange =
    size !== undefined &&
    waitSeconds <= MAX_FETCH_WAIT_SECONDS &&
    slots >= 1 &&
    slots <= MAX_FETCH_SLOTS &&
    slots * size <= MAX_FETCH_BYTES
  if (!isInRange) throw new MalformedError('field out of range')
  const timeSeconds = readTime(time)
  return {
    request: { publicKey, timeSeconds, sizeIndex, waitSeconds, slots },
    covered: body.subarray(0, body.length - SIGNATURE_BYTES),
    signature,
  }
}

/** @throws MalformedError for a wrong length */
export function parseAckRequest(body: Uint8Array): Signed<AckRequest> {
  const reader = new ByteReader(body)
  const publicKey = reader.bytes(PUBLIC_KEY_BYTES)
  const time = reader.bytes(8)
  const ids = parseIds(reader.bytes(Math.max(0, reader.remaining - SIGNATURE_BYTES)))
  const signature = reader.bytes(SIGNATURE_BYTES)
  return {
    request: { publicKey, timeSeconds: readTime(time), ids },
    covered: body.subarray(0, body.length - SIGNATURE_BYTES),
    signature,
  }
}

/** The part of a fetch body that is signed; the signature follows it. */
export function encodeFetchRequest(request: FetchRequest): Uint8Array {
  return new ByteWriter(FETCH_REQUEST_BYTES - SIGNATURE_BYTES)
    .bytes(request.publicKey)
    .u64(request.timeSeconds)
    .u8(request.sizeIndex)
    .u8(request.waitSeconds)
    .u8(request.slots)
    .finish()
}

/** The part of an ack body that is signed; the signature follows it. */
export function encodeAckRequest(request: AckRequest): Uint8Array {
  return new ByteWriter(PUBLIC_KEY_BYTES + 8 + request.ids.length)
    .bytes(request.publicKey)
    .u64(request.timeSeconds)
    .bytes(parseIds(request.ids))
    .finish()
}

/** Answer to a fetch: bit i of `waiting` says that of size i more waits than the answer holds. */
export interface FetchAnswer {
  waiting: number
  envelopes: { id: Uint8Array; envelope: Uint8Array }[]
}

/** Length of every answer to a fetch of so many slots of one size. */
export function fetchAnswerBytes(slots: number, size: number): number {
  return 1 + slots * (ENVELOPE_ID_BYTES + size)
}

/** @throws MalformedError unless the answer has the length that the request asked for */
export function parseFetchAnswer(body: Uint8Array, slots: number, size: number): FetchAnswer {
  if (body.length !== fetchAnswerBytes(slots, size)) throw new MalformedError('wrong length')
  const reader = new ByteReader(body)
  const waiting = reader.u8()
  const envelopes: FetchAnswer['envelopes'] = []
  for (let i = 0; i < slots; i++) {
    const id = reader.bytes(ENVELOPE_ID_BYTES)
    const envelope = reader.bytes(size)
    if (id.some((byte) => byte !== 0)) envelopes.push({ id, envelope })
  }
  return { waiting, envelopes }
}

// A time beyond 2^53 parses, as its length is right, and is then judged stale.
function readTime(bytes: Uint8Array): number {
  let value = 0
  for (const byte of bytes) value = value * 256 + byte
  return value
}
