import { crc32 } from 'node:zlib'
import { ADDRESS_BYTES } from '../protocol/address.ts'
import { DEPOSIT_HEADER_BYTES } from '../protocol/deposit-frames.ts'
import { BodyPool, STAMP_BYTES, type Stamp, writeStamp } from './stamp.ts'

const BINARY_FRAME = 0x82
const MASKED_16_BIT = 0x80 | 126
const MASKED_64_BIT = 0x80 | 127
const MAX_16_BIT = 0xffff
const DEPOSIT = 0x01

/** What one deposit says. */
export interface DepositParts {
  readonly ref: number
  readonly ttlSeconds: number
  readonly address: Buffer
  readonly envelopeBytes: number
  readonly stamp: Stamp
}

function writeEnvelopeHead(target: Buffer, at: number, pool: BodyPool, runId: Buffer, parts: DepositParts): number {
  const offset = BodyPool.offsetOf(parts.stamp.number)
  const body = pool.bytes.subarray(offset, offset + parts.envelopeBytes - STAMP_BYTES)
  writeStamp(target, at, runId, parts.stamp, crc32(body))
  return offset
}

/**
 * A finished WebSocket frame with a DEPOSIT in it. [protocol §4] Its body comes masked out of the pool; only what is
 * before it is masked here, and ends at a multiple of four so that the mask goes on where the pool's begins.
 */
export function depositFrame(pool: BodyPool, mask: Buffer, runId: Buffer, parts: DepositParts): Buffer {
  const payloadBytes = DEPOSIT_HEADER_BYTES + parts.envelopeBytes
  const headBytes = payloadBytes > MAX_16_BIT ? 10 : 4
  const frame = Buffer.allocUnsafe(headBytes + 4 + payloadBytes)
  frame[0] = BINARY_FRAME
  if (headBytes === 10) {
    frame[1] = MASKED_64_BIT
    frame.writeUIntBE(0, 2, 2)
    frame.writeUIntBE(payloadBytes, 4, 6)
  } else {
    frame[1] = MASKED_16_BIT
    frame.writeUInt16BE(payloadBytes, 2)
  }
  mask.copy(frame, headBytes)
  const payload = headBytes + 4
  frame[payload] = DEPOSIT
  frame.writeUInt32BE(parts.ref, payload + 1)
  frame.writeUInt32BE(parts.ttlSeconds, payload + 5)
  parts.address.copy(frame, payload + 9)
  const envelope = payload + DEPOSIT_HEADER_BYTES
  const offset = writeEnvelopeHead(frame, envelope, pool, runId, parts)
  const body = envelope + STAMP_BYTES
  for (let i = payload; i < body; i++) frame[i] = (frame[i] as number) ^ (mask[(i - payload) & 3] as number)
  pool.masked.copy(frame, body, offset, offset + frame.length - body)
  return frame
}

/** The body of `POST /v1/deposit`. [protocol §4] */
export function depositBody(pool: BodyPool, runId: Buffer, parts: DepositParts): Buffer {
  const bytes = Buffer.allocUnsafe(ADDRESS_BYTES + parts.envelopeBytes)
  parts.address.copy(bytes, 0)
  const offset = writeEnvelopeHead(bytes, ADDRESS_BYTES, pool, runId, parts)
  const body = ADDRESS_BYTES + STAMP_BYTES
  pool.bytes.copy(bytes, body, offset, offset + bytes.length - body)
  return bytes
}
