import {
  type Announcement,
  type Bucket,
  bytesIn,
  type Cursor,
  type MailboxStore,
  type Page,
  type PendingDeposit,
  type PendingErasure,
  type QueueName,
  type StoreListener,
  type StoreMemory,
  StoreUnavailableError,
  type Waiting,
} from '../../mailbox/mailbox-store.ts'
import type { Clock } from '../../mailbox/ports.ts'
import { expiryOf } from '../../protocol/retention.ts'
import { EnvelopeList } from './envelope-list.ts'

/**
 * What V8 and malloc were measured to need beside the sealed bytes: typed array, backing store, and places in lists for
 * an envelope; list, name and places in maps for a bucket.
 */
export const ENVELOPE_OVERHEAD_BYTES = 600
export const BUCKET_OVERHEAD_BYTES = 1200

/** The timer looks at the clock this often at least, so that a clock that was set forward is noticed. */
const MAX_TIMER_MS = 60_000

/** Times that a deposit is asked for a bucket that fits the clock. */
const MAX_SEALS = 4

export interface MemoryStoreOptions {
  readonly clock: Clock
  /** Bytes that envelopes and what is kept about them may take; a deposit beyond it finds the store unavailable. */
  readonly capacityBytes: number
}

/**
 * A store within this process, which forgets everything when the process ends. Its clock is the relay's.
 *
 * `sealed` bytes of a deposit are kept as given where they are whole and fill their buffer, otherwise copied: the caller
 * must not use that memory again. What `read` gives is the same memory, to be read only, and overwritten when it is erased.
 */
export function createMemoryStore(options: MemoryStoreOptions): MailboxStore {
  return new MemoryStore(options)
}

interface Held {
  readonly envelopes: EnvelopeList
  readonly expiresAt: number
}

class MemoryStore implements MailboxStore {
  readonly #clock: Clock
  readonly #capacityBytes: number
  /** By bucketTag as latin1 text. */
  readonly #buckets = new Map<string, Held>()
  /** Names of buckets by the second they expire at. */
  readonly #expiries = new Map<number, Set<string>>()
  /** How often each queue is followed, by wakeTag as latin1 text. */
  readonly #follows = new Map<string, number>()
  #listener: StoreListener | undefined
  #usedBytes = 0
  /** Second that the timer waits for: no bucket expires before it. */
  #earliest = Number.POSITIVE_INFINITY
  #cancelTimer: () => void = () => {}

  constructor({ clock, capacityBytes }: MemoryStoreOptions) {
    this.#clock = clock
    this.#capacityBytes = capacityBytes
  }

  deposit(deposit: PendingDeposit): void {
    let settle = () => deposit.failed()
    try {
      settle = this.#store(deposit)
    } catch {
      // It was not stored.
    }
    queueMicrotask(settle)
  }

  async survey(buckets: readonly Bucket[]): Promise<Waiting[]> {
    this.#begin()
    const waiting: Waiting[] = []
    for (const bucket of buckets) {
      const held = this.#buckets.get(latin1(bucket.tag))
      if (held) waiting.push({ bucket, count: held.envelopes.count })
    }
    return waiting
  }

  async read(bucket: Bucket, after: Cursor | undefined, limit: number): Promise<Page> {
    this.#begin()
    const envelopes = this.#buckets.get(latin1(bucket.tag))?.envelopes
    if (envelopes === undefined) return { base: after?.base ?? 0, last: 0, entries: [], more: false }
    const { base, last } = envelopes
    return { base, last, ...envelopes.read(after?.base === base ? after.last : base - 1, limit) }
  }

  erase(erasure: PendingErasure): void {
    let settle = () => erasure.failed()
    try {
      const count = this.#erase(erasure)
      settle = () => erasure.erased(count)
    } catch {
      // It was not carried out.
    }
    queueMicrotask(settle)
  }

  nowSeconds(_partition: number): number {
    return Math.floor(this.#clock.nowMs() / 1000)
  }

  async follow(queue: QueueName): Promise<void> {
    this.#begin()
    const wakeTag = latin1(queue.wakeTag)
    this.#follows.set(wakeTag, (this.#follows.get(wakeTag) ?? 0) + 1)
  }

  unfollow(queue: QueueName): void {
    const wakeTag = latin1(queue.wakeTag)
    const left = (this.#follows.get(wakeTag) ?? 0) - 1
    if (left > 0) this.#follows.set(wakeTag, left)
    else this.#follows.delete(wakeTag)
  }

  async announce(queue: QueueName, { kind, session }: Announcement): Promise<void> {
    this.#begin()
    const wakeTag = latin1(queue.wakeTag)
    const sessionText = latin1(session)
    this.#tell(wakeTag, (listener) => listener.announced(wakeTag, kind, sessionText))
  }

  async start(listener: StoreListener): Promise<void> {
    this.#listener = listener
    queueMicrotask(() => this.#listener?.up(false))
  }

  async close(): Promise<void> {
    this.#listener = undefined
    this.#setTimer(Number.POSITIVE_INFINITY)
    for (const { envelopes } of this.#buckets.values()) envelopes.wipe()
    this.#buckets.clear()
    this.#expiries.clear()
    this.#follows.clear()
    this.#usedBytes = 0
  }

  isReady(): boolean {
    return this.#listener !== undefined
  }

  memory(): StoreMemory {
    return { usedBytes: this.#usedBytes, limitBytes: this.#capacityBytes }
  }

  /** Opens every operation: however late the timer, nobody is shown what has expired. */
  #begin(): void {
    if (this.#listener === undefined) throw new StoreUnavailableError()
    if (this.#earliest <= this.nowSeconds(0)) this.#expire()
  }

  /** @returns what tells of it */
  #store(deposit: PendingDeposit): () => void {
    this.#begin()
    const { bucket, sealed } = this.#sealInTime(deposit)
    const name = latin1(bucket.tag)
    const held = this.#buckets.get(name)
    if ((held?.envelopes.count ?? 0) >= deposit.capacity) return () => deposit.full()
    const bytes = ENVELOPE_OVERHEAD_BYTES + deposit.sealedBytes + (held ? 0 : BUCKET_OVERHEAD_BYTES)
    if (this.#usedBytes + bytes > this.#capacityBytes) throw new StoreUnavailableError()
    this.#usedBytes += bytes
    const { envelopes } = held ?? this.#create(name, bucket, deposit.firstSeq())
    const seq = envelopes.append(ownBytes(sealed))
    this.#wake(bucket, deposit.queue)
    return () => deposit.stored(seq, held === undefined, true)
  }

  #erase({ bucket, seqs }: PendingErasure): number {
    this.#begin()
    const name = latin1(bucket.tag)
    const held = this.#buckets.get(name)
    if (held === undefined) return 0
    const before = held.envelopes.count
    this.#usedBytes -= sizeOf(held)
    for (const seq of seqs) held.envelopes.erase(seq)
    if (held.envelopes.count > 0) this.#usedBytes += sizeOf(held)
    else this.#remove(name, held)
    return before - held.envelopes.count
  }

  // Sealing takes time, in which the slot can end.
  #sealInTime(deposit: PendingDeposit) {
    for (let seals = 0; seals < MAX_SEALS; seals++) {
      const bucket = deposit.place(this.nowSeconds(0))
      const sealed = deposit.seal()
      if (bucket.expiresAt === expiryOf(this.nowSeconds(0), bucket.classIndex)) return { bucket, sealed }
    }
    throw new StoreUnavailableError()
  }

  #create(name: string, { expiresAt }: Bucket, firstSeq: number): Held {
    const held = { envelopes: new EnvelopeList(firstSeq), expiresAt }
    this.#buckets.set(name, held)
    const names = this.#expiries.get(expiresAt)
    if (names) names.add(name)
    else this.#expiries.set(expiresAt, new Set([name]))
    if (expiresAt < this.#earliest) this.#setTimer(expiresAt)
    return held
  }

  /** Forgets a bucket whose bytes are no longer counted. */
  #remove(name: string, { expiresAt }: Held): void {
    this.#buckets.delete(name)
    const names = this.#expiries.get(expiresAt)
    names?.delete(name)
    if (names?.size === 0) this.#expiries.delete(expiresAt)
  }

  #expire(): void {
    const now = this.nowSeconds(0)
    let earliest = Number.POSITIVE_INFINITY
    for (const [expiresAt, names] of this.#expiries) {
      if (expiresAt > now) {
        earliest = Math.min(earliest, expiresAt)
        continue
      }
      this.#expiries.delete(expiresAt)
      for (const name of names) {
        const held = this.#buckets.get(name) as Held
        this.#usedBytes -= sizeOf(held)
        held.envelopes.wipe()
        this.#buckets.delete(name)
      }
    }
    this.#setTimer(earliest)
  }

  #setTimer(earliest: number): void {
    this.#cancelTimer()
    this.#earliest = earliest
    if (earliest === Number.POSITIVE_INFINITY) return
    const delayMs = Math.min(Math.max(0, earliest * 1000 - this.#clock.nowMs()), MAX_TIMER_MS)
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#expire())
  }

  #wake({ sizeIndex, classIndex, expiresAt }: Bucket, queue: QueueName): void {
    if (this.#follows.size === 0) return
    const wakeTag = latin1(queue.wakeTag)
    this.#tell(wakeTag, (listener) => listener.wake(wakeTag, sizeIndex, classIndex, expiresAt))
  }

  // One microtask a message: all are heard in the order they were sent, and never within the call that sent them.
  #tell(wakeTag: string, message: (listener: StoreListener) => void): void {
    if (!this.#follows.has(wakeTag)) return
    queueMicrotask(() => {
      if (this.#listener && this.#follows.has(wakeTag)) message(this.#listener)
    })
  }
}

function sizeOf({ envelopes: { count, bytes } }: Held): number {
  return BUCKET_OVERHEAD_BYTES + count * ENVELOPE_OVERHEAD_BYTES + bytes
}

// A view on a larger buffer, such as Node's pool, would keep other bytes in memory with it, and be counted too low.
function ownBytes(bytes: Uint8Array | readonly Uint8Array[]): Uint8Array {
  if (!(bytes instanceof Uint8Array)) return joined(bytes)
  return bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(bytesIn(pieces))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
