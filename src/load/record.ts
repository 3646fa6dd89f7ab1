/** What a worker tells the ledger: one record of fixed length for everything that it saw. */
export const RECORD_BYTES = 28

/** `damaged`: an envelope whose stamp cannot be read; `mark`: everything before it has been written. */
export const KIND = { sent: 1, outcome: 2, arrival: 3, drained: 4, closed: 5, damaged: 6, mark: 7 } as const
export type Kind = (typeof KIND)[keyof typeof KIND]

/** What came of a deposit. */
export const OUTCOME = { accepted: 1, refused: 2, unsure: 3 } as const
export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME]

/** What an arrival was besides an arrival. */
export const ARRIVAL = { bodyDamaged: 1, misdelivered: 2, behind: 4 } as const

/** Which fields count depends on the kind; the others are 0. */
export interface LedgerRecord {
  kind: Kind
  /** Outcome, or the sum of what an arrival was. */
  detail: number
  /** TTL class that was granted. */
  classIndex: number
  /** Number of the error that a refusal carried. [protocol §6] */
  errorNumber: number
  worker: number
  number: number
  mailbox: number
  /** One OPEN of a mailbox. */
  session: number
  /** First four bytes of the envelopeId. */
  idTag: number
  /** Milliseconds since the run's beginning. */
  atMs: number
}

/** Sessions of one worker that are told apart: the worker's index stands above these bits. */
const SESSION_BITS = 22
const MAX_WORKERS = 2 ** (32 - SESSION_BITS)

/** @param count the how-manieth session of that worker it is */
export function sessionOf(worker: number, count: number): number {
  return (worker % MAX_WORKERS) * 2 ** SESSION_BITS + (count % 2 ** SESSION_BITS)
}

export function workerOfSession(session: number): number {
  return session >>> SESSION_BITS
}

export const EMPTY_RECORD: Readonly<LedgerRecord> = {
  kind: KIND.sent,
  detail: 0,
  classIndex: 0,
  errorNumber: 0,
  worker: 0,
  number: 0,
  mailbox: 0,
  session: 0,
  idTag: 0,
  atMs: 0,
}

export function writeRecord(bytes: Buffer, at: number, record: LedgerRecord): void {
  bytes[at] = record.kind
  bytes[at + 1] = record.detail
  bytes[at + 2] = record.classIndex
  bytes[at + 3] = record.errorNumber
  bytes.writeUInt32LE(record.worker, at + 4)
  bytes.writeUInt32LE(record.number, at + 8)
  bytes.writeUInt32LE(record.mailbox, at + 12)
  bytes.writeUInt32LE(record.session, at + 16)
  bytes.writeUInt32LE(record.idTag, at + 20)
  bytes.writeUInt32LE(Math.max(0, Math.round(record.atMs)), at + 24)
}

/** Reads a record into `into`, so that nothing is allocated for each. */
export function readRecord(bytes: Buffer, at: number, into: LedgerRecord): void {
  into.kind = bytes[at] as Kind
  into.detail = bytes[at + 1] as number
  into.classIndex = bytes[at + 2] as number
  into.errorNumber = bytes[at + 3] as number
  into.worker = bytes.readUInt32LE(at + 4)
  into.number = bytes.readUInt32LE(at + 8)
  into.mailbox = bytes.readUInt32LE(at + 12)
  into.session = bytes.readUInt32LE(at + 16)
  into.idTag = bytes.readUInt32LE(at + 20)
  into.atMs = bytes.readUInt32LE(at + 24)
}
