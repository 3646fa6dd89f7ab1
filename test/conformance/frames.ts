/** An envelope as it was received; the id in hex. */
export interface Received {
  readonly id: string
  readonly envelope: Buffer
}

/** What a relay says on a mailbox socket [protocol §5]. */
export type MailboxFrame =
  | { readonly type: 'HELLO'; readonly nonce: Buffer }
  | { readonly type: 'OPENED' | 'DRAINED' | 'DISPLACED'; readonly channel: number }
  | ({ readonly type: 'ENVELOPE'; readonly channel: number } & Received)
  | { readonly type: 'ERROR'; readonly channel: number; readonly code: number }

/** What a relay says on a deposit socket [protocol §4]. */
export type DepositFrame =
  | { readonly type: 'ACCEPTED'; readonly ref: number }
  | { readonly type: 'ERROR'; readonly ref: number; readonly code: number }

/** The answer to a fetch [protocol §5]. */
export interface FetchAnswer {
  /** Bit i: of size i more waits than this answer holds. */
  readonly waiting: number
  readonly envelopes: Received[]
  /** What stands in the slots that hold no envelope. */
  readonly fillers: Buffer[]
}

const ID_BYTES = 16
const NO_ID = '0'.repeat(2 * ID_BYTES)
const CHANNEL_FRAMES = { 130: 'OPENED', 132: 'DRAINED', 133: 'DISPLACED' } as const

function expectLength(bytes: Buffer, length: number): void {
  if (bytes.length !== length) throw new Error(`${length} bytes expected: ${bytes.toString('hex', 0, 40)}`)
}

/** Reads one frame of a mailbox socket; throws where its bytes are not exactly those of section 5. */
export function parseMailboxFrame(bytes: Buffer): MailboxFrame {
  const kind = bytes[0]
  switch (kind) {
    case 0x81:
      expectLength(bytes, 33)
      return { type: 'HELLO', nonce: bytes.subarray(1) }
    case 0x82:
    case 0x84:
    case 0x85:
      expectLength(bytes, 3)
      return { type: CHANNEL_FRAMES[kind], channel: bytes.readUInt16BE(1) }
    case 0x83: {
      if (bytes.length <= 3 + ID_BYTES) throw new Error(`ENVELOPE of ${bytes.length} bytes`)
      const id = bytes.toString('hex', 3, 3 + ID_BYTES)
      return { type: 'ENVELOPE', channel: bytes.readUInt16BE(1), id, envelope: bytes.subarray(3 + ID_BYTES) }
    }
    case 0x8f:
      expectLength(bytes, 5)
      return { type: 'ERROR', channel: bytes.readUInt16BE(1), code: bytes.readUInt16BE(3) }
    default:
      throw new Error(`no frame of a mailbox socket: ${bytes.toString('hex', 0, 40)}`)
  }
}

/** Reads one frame of a deposit socket; throws where its bytes are not exactly those of section 4. */
export function parseDepositFrame(bytes: Buffer): DepositFrame {
  switch (bytes[0]) {
    case 0x81:
      expectLength(bytes, 5)
      return { type: 'ACCEPTED', ref: bytes.readUInt32BE(1) }
    case 0x8f:
      expectLength(bytes, 7)
      return { type: 'ERROR', ref: bytes.readUInt32BE(1), code: bytes.readUInt16BE(5) }
    default:
      throw new Error(`no frame of a deposit socket: ${bytes.toString('hex', 0, 40)}`)
  }
}

/** Reads `waiting u8 ‖ (envelopeId[16] ‖ envelope) × slots`; throws where the length is another. */
export function parseFetchAnswer(bytes: Buffer, sizeBytes: number, slots: number): FetchAnswer {
  const slotBytes = ID_BYTES + sizeBytes
  expectLength(bytes, 1 + slots * slotBytes)
  const all = Array.from({ length: slots }, (_, index) => {
    const start = 1 + index * slotBytes
    const id = bytes.toString('hex', start, start + ID_BYTES)
    return { id, envelope: bytes.subarray(start + ID_BYTES, start + slotBytes) }
  })
  return {
    waiting: bytes.readUInt8(0),
    envelopes: all.filter(({ id }) => id !== NO_ID),
    fillers: all.filter(({ id }) => id === NO_ID).map(({ envelope }) => envelope),
  }
}
