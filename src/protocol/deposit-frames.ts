import { ADDRESS_BYTES } from './address.ts'
import { ByteReader, ByteWriter, MalformedError, readU32 } from './bytes.ts'

/** Bytes before the envelope in a DEPOSIT frame: type, ref, ttl, address. [protocol §4] */
export const DEPOSIT_HEADER_BYTES = 1 + 4 + 4 + ADDRESS_BYTES

const TYPE = { deposit: 0x01, accepted: 0x81, error: 0x8f } as const

/** `0x01 ‖ ref u32 ‖ ttl u32 ‖ address[32] ‖ envelope`; address and envelope are views on the frame. */
export interface DepositFrame {
  ref: number
  ttlSeconds: number
  address: Uint8Array
  envelope: Uint8Array
}

/**
 * The one frame a client sends on a deposit socket. The envelope's length is judged by the caller (ERROR 2). [protocol §4]
 * @throws MalformedError for another type, or below 41 bytes
 */
export function parseDepositFrame(frame: Uint8Array): DepositFrame {
  if (frame.length < DEPOSIT_HEADER_BYTES || frame[0] !== TYPE.deposit) throw new MalformedError('not a DEPOSIT frame')
  return {
    ref: readU32(frame, 1),
    ttlSeconds: readU32(frame, 5),
    address: frame.subarray(9, DEPOSIT_HEADER_BYTES),
    envelope: frame.subarray(DEPOSIT_HEADER_BYTES),
  }
}

export function encodeDepositFrame({ ref, ttlSeconds, address, envelope }: DepositFrame): Uint8Array {
  return new ByteWriter(DEPOSIT_HEADER_BYTES + envelope.length)
    .u8(TYPE.deposit)
    .u32(ref)
    .u32(ttlSeconds)
    .bytes(address)
    .bytes(envelope)
    .finish()
}

/** What the relay answers on a deposit socket. */
export type DepositAnswer = { kind: 'accepted'; ref: number } | { kind: 'error'; ref: number; number: number }

/** `0x81 ‖ ref u32`, or `0x8F ‖ ref u32 ‖ code u16`. */
export function encodeDepositAnswer(answer: DepositAnswer): Uint8Array {
  return answer.kind === 'accepted'
    ? new ByteWriter(5).u8(TYPE.accepted).u32(answer.ref).finish()
    : new ByteWriter(7).u8(TYPE.error).u32(answer.ref).u16(answer.number).finish()
}

const accepted = Uint8Array.of(TYPE.accepted, 0, 0, 0, 0)

/** The frame that says ACCEPTED, in memory that the next call writes anew: to be copied at once. */
export function acceptedFrame(ref: number): Uint8Array {
  accepted[1] = ref >>> 24
  accepted[2] = ref >>> 16
  accepted[3] = ref >>> 8
  accepted[4] = ref
  return accepted
}

/** @throws MalformedError for anything that is not one of the two answers */
export function parseDepositAnswer(frame: Uint8Array): DepositAnswer {
  const reader = new ByteReader(frame)
  const type = reader.u8()
  const ref = reader.u32()
  if (type === TYPE.accepted) {
    reader.end()
    return { kind: 'accepted', ref }
  }
  if (type !== TYPE.error) throw new MalformedError('not an answer to a deposit')
  const number = reader.u16()
  reader.end()
  return { kind: 'error', ref, number }
}
