import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './address.ts'
import { ByteReader, ByteWriter, concatBytes, label, MalformedError } from './bytes.ts'
import { ENVELOPE_ID_BYTES } from './envelope.ts'

export const NONCE_BYTES = 32
export const MAX_ACK_IDS = 64

/** Bytes before the envelope in an ENVELOPE frame: type, channel, envelopeId. [protocol §5] */
export const ENVELOPE_HEADER_BYTES = 1 + 2 + ENVELOPE_ID_BYTES

const REQUEST = { open: 0x01, ack: 0x02, close: 0x03 } as const
const REPLY = {
  hello: 0x81,
  opened: 0x82,
  envelope: 0x83,
  drained: 0x84,
  displaced: 0x85,
  error: 0x8f,
} as const

/** Frames from the client: OPEN, ACK (1 to 64 envelopeIds back to back), CLOSE. Byte fields are views on the frame. */
export type MailboxRequest =
  | { kind: 'open'; channel: number; publicKey: Uint8Array; signature: Uint8Array }
  | { kind: 'ack'; channel: number; ids: Uint8Array }
  | { kind: 'close'; channel: number }

/** Frames from the relay. Byte fields are views on the frame. */
export type MailboxReply =
  | { kind: 'hello'; nonce: Uint8Array }
  | { kind: 'opened' | 'drained' | 'displaced'; channel: number }
  | { kind: 'envelope'; channel: number; id: Uint8Array; envelope: Uint8Array }
  | { kind: 'error'; channel: number; number: number }

const OPEN_LABEL = label('lethe/v1 open')

/** What an OPEN signs: `"lethe/v1 open" ‖ 0 ‖ SHA-256(origin) ‖ nonce`. [protocol §5] */
export function openPreimage(originHash: Uint8Array, nonce: Uint8Array): Uint8Array {
  return concatBytes(OPEN_LABEL, originHash, nonce)
}

/** @throws MalformedError for an unknown type, a wrong length, or an ACK of no or more than 64 ids */
export function parseMailboxRequest(frame: Uint8Array): MailboxRequest {
  const reader = new ByteReader(frame)
  const type = reader.u8()
  const channel = reader.u16()
  switch (type) {
    case REQUEST.open: {
      const publicKey = reader.bytes(PUBLIC_KEY_BYTES)
      const signature = reader.bytes(SIGNATURE_BYTES)
      reader.end()
      return { kind: 'open', channel, publicKey, signature }
    }
    case REQUEST.ack:
      return { kind: 'ack', channel, ids: parseIds(reader.rest()) }
    case REQUEST.close:
      reader.end()
      return { kind: 'close', channel }
    default:
      throw new MalformedError('unknown frame')
  }
}

export function encodeMailboxRequest(request: MailboxRequest): Uint8Array {
  const { kind, channel } = request
  switch (kind) {
    case 'open':
      return new ByteWriter(3 + PUBLIC_KEY_BYTES + SIGNATURE_BYTES)
        .u8(REQUEST.open)
        .u16(channel)
        .bytes(request.publicKey)
        .bytes(request.signature)
        .finish()
    case 'ack':
      return new ByteWriter(3 + request.ids.length).u8(REQUEST.ack).u16(channel).bytes(parseIds(request.ids)).finish()
    case 'close':
      return new ByteWriter(3).u8(REQUEST.close).u16(channel).finish()
    default:
      return kind satisfies never
  }
}

/** @throws MalformedError for anything that no relay of version 1 sends */
export function parseMailboxReply(frame: Uint8Array): MailboxReply {
  const reader = new ByteReader(frame)
  const type = reader.u8()
  if (type === REPLY.hello) {
    const nonce = reader.bytes(NONCE_BYTES)
    reader.end()
    return { kind: 'hello', nonce }
  }
  const channel = reader.u16()
  if (type === REPLY.envelope) {
    return { kind: 'envelope', channel, id: reader.bytes(ENVELOPE_ID_BYTES), envelope: reader.rest() }
  }
  if (type === REPLY.error) {
    const number = reader.u16()
    reader.end()
    return { kind: 'error', channel, number }
  }
  reader.end()
  if (type === REPLY.opened) return { kind: 'opened', channel }
  if (type === REPLY.drained) return { kind: 'drained', channel }
  if (type === REPLY.displaced) return { kind: 'displaced', channel }
  throw new MalformedError('unknown frame')
}

export function encodeMailboxReply(reply: MailboxReply): Uint8Array {
  if (reply.kind === 'hello') return new ByteWriter(1 + NONCE_BYTES).u8(REPLY.hello).bytes(reply.nonce).finish()
  if (reply.kind === 'error') {
    return new ByteWriter(5).u8(REPLY.error).u16(reply.channel).u16(reply.number).finish()
  }
  if (reply.kind === 'envelope') {
    const frame = new Uint8Array(ENVELOPE_HEADER_BYTES + reply.envelope.length)
    writeEnvelopeHeader(frame, 0, reply.channel, reply.id)
    frame.set(reply.envelope, ENVELOPE_HEADER_BYTES)
    return frame
  }
  return new ByteWriter(3).u8(REPLY[reply.kind]).u16(reply.channel).finish()
}

/** Writes `0x83 ‖ channel ‖ envelopeId`, 19 bytes, where the frame of an envelope begins that is already in place. */
export function writeEnvelopeHeader(bytes: Uint8Array, offset: number, channel: number, id: Uint8Array): void {
  bytes[offset] = REPLY.envelope
  bytes[offset + 1] = channel >> 8
  bytes[offset + 2] = channel & 0xff
  bytes.set(id, offset + 3)
}

/** The bytes themselves, if they are 1 to 64 envelopeIds back to back. @throws MalformedError for none, more, or a part */
export function parseIds(bytes: Uint8Array): Uint8Array {
  const count = bytes.length / ENVELOPE_ID_BYTES
  if (!Number.isInteger(count) || count < 1 || count > MAX_ACK_IDS) throw new MalformedError('not 1 to 64 ids')
  return bytes
}
