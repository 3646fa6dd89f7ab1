import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** Bytes at the start of every envelope that say what it is; with the 41 of a DEPOSIT frame a multiple of four. */
export const STAMP_BYTES = 55
export const RUN_ID_BYTES = 8
/** Below this an envelope has no room for the stamp and something to check. */
export const MIN_ENVELOPE_BYTES = STAMP_BYTES + 4

/** What an envelope says of itself. */
export interface Stamp {
  /** Which worker sent it. */
  worker: number
  /** The how-manieth of that worker it is, in the order of sending. */
  number: number
  /** Index of the mailbox that it is meant for. */
  mailbox: number
  /** The connection that it was sent on, 0 where no order is promised; those of two workers are told apart by `worker`. */
  stream: number
  /** When it was due, on the shared clock. */
  dueMs: number
  /** Which of the plan's sizes and lifetimes it has: order is promised only within one. */
  lane: number
}

const AT = { magic: 0, run: 2, worker: 10, number: 12, mailbox: 16, stream: 20, due: 24, lane: 32, body: 47, head: 51 }
const MAGIC = 0x4c4c
const POOL_BYTES = 1024 * 1024

/** Random bytes that envelopes are cut from, so that nothing is drawn anew for each. */
export class BodyPool {
  readonly bytes: Buffer
  /** The same, exclusive-or with the mask over and over. */
  readonly masked: Buffer

  constructor(maxEnvelopeBytes: number, mask: Buffer) {
    this.bytes = randomFillSync(Buffer.alloc(POOL_BYTES + maxEnvelopeBytes))
    this.masked = Buffer.from(this.bytes)
    for (let i = 0; i < this.masked.length; i++) this.masked[i] = (this.masked[i] as number) ^ (mask[i & 3] as number)
  }

  /** Where the body of an envelope begins, by its number: neighbours share nothing. */
  static offsetOf(number: number): number {
    return ((Math.imul(number, 0x9e37_79b1) >>> 0) % (POOL_BYTES / 4)) * 4
  }
}

/** Writes a stamp in front of a body. `bodyCrc`: CRC-32 of the body. */
export function writeStamp(target: Buffer, at: number, runId: Buffer, stamp: Stamp, bodyCrc: number): void {
  target.writeUInt16BE(MAGIC, at + AT.magic)
  runId.copy(target, at + AT.run)
  target.writeUInt16BE(stamp.worker, at + AT.worker)
  target.writeUInt32BE(stamp.number, at + AT.number)
  target.writeUInt32BE(stamp.mailbox, at + AT.mailbox)
  target.writeUInt32BE(stamp.stream, at + AT.stream)
  target.writeDoubleBE(stamp.dueMs, at + AT.due)
  target[at + AT.lane] = stamp.lane
  target.fill(0, at + AT.lane + 1, at + AT.body)
  target.writeUInt32BE(bodyCrc, at + AT.body)
  target.writeUInt32BE(crc32(target.subarray(at, at + AT.head)), at + AT.head)
}

/** How much of an envelope can be believed: all of it, its stamp alone, or nothing. */
export type Soundness = 'sound' | 'body-damaged' | 'damaged'

/** Reads a stamp into `into`, which is left alone where nothing can be believed. */
export function readStamp(envelope: Buffer, runId: Buffer, into: Stamp): Soundness {
  if (envelope.length < MIN_ENVELOPE_BYTES || envelope.readUInt16BE(AT.magic) !== MAGIC) return 'damaged'
  if (crc32(envelope.subarray(0, AT.head)) !== envelope.readUInt32BE(AT.head)) return 'damaged'
  if (runId.compare(envelope, AT.run, AT.run + RUN_ID_BYTES) !== 0) return 'damaged'
  into.worker = envelope.readUInt16BE(AT.worker)
  into.number = envelope.readUInt32BE(AT.number)
  into.mailbox = envelope.readUInt32BE(AT.mailbox)
  into.stream = envelope.readUInt32BE(AT.stream)
  into.dueMs = envelope.readDoubleBE(AT.due)
  into.lane = envelope[AT.lane] as number
  return crc32(envelope.subarray(STAMP_BYTES)) === envelope.readUInt32BE(AT.body) ? 'sound' : 'body-damaged'
}
