import { ENVELOPE_HEADER_BYTES } from '../protocol/mailbox-frames.ts'
import { Backlog, type BucketProgress } from './backlog.ts'
import type { Counts } from './counts.ts'
import { Erasures, groupByBucket } from './erasures.ts'
import type { Bucket, MailboxStore, Page } from './mailbox-store.ts'
import type { HandedEnvelope } from './open-mailboxes.ts'
import type { RelayPolicy } from './policy.ts'
import type { Clock } from './ports.ts'
import { bucketOf, bucketsOf, EnvelopeIds, openEnvelope, type Queue } from './sealing.ts'

/** Bytes before a frame that are left to whatever carries it, for a header of its own. */
export const TRANSPORT_ROOM_BYTES = 10
/** Bytes before an envelope on its way out: for a transport's header, then for that of the ENVELOPE frame. */
export const ENVELOPE_ROOM_BYTES = TRANSPORT_ROOM_BYTES + ENVELOPE_HEADER_BYTES

/** Where envelopes go: one channel of one socket. */
export interface DeliveryOutlet {
  /**
   * @param bytes the envelope at its end, ENVELOPE_ROOM_BYTES or more before it; the receiver's to keep
   * @param envelopeOffset where it begins
   */
  envelope(id: Uint8Array, bytes: Uint8Array, envelopeOffset: number): void
  drained(): void
  /**
   * Sets room aside for envelopes of one size, as many of `wanted` as a reader who keeps up has; after fewer than wanted
   * `resumeSending` follows. Each is given back with `freeRoom` once it was sent or turned out not to be there.
   */
  takeRoom(wanted: number, envelopeBytes: number): number
  freeRoom(envelopes: number, envelopeBytes: number): void
}

export interface DeliveryParts {
  store: MailboxStore
  policy: RelayPolicy
  clock: Clock
  counts: Counts
}

/** Envelopes of one bucket before the next has its turn. */
const TURN_ENVELOPES = 16
/** A store that is down says when it is up again; one that only failed this mailbox is asked again after this time. */
const RETRY_MS = 2000

/**
 * Sends what waits in a mailbox, in order and within the window: read from the store, or pushed from the hand of a sender
 * on the same instance when nothing else comes before it. [protocol §5]
 */
export class Delivery {
  readonly #parts: DeliveryParts
  readonly #queues: readonly Queue[]
  readonly #outlet: DeliveryOutlet
  readonly #backlog = new Backlog()
  readonly #erasures: Erasures
  /** Made when there is something to send or to erase, and given up when there is not. */
  #ids: Map<Queue, EnvelopeIds> | undefined
  #isRunning = false
  #isPumping = false
  #mustPump = false
  /** Places in the window kept free for what is being read. */
  #reserved = 0
  /** A DRAINED is owed: after OPEN, and after the recipient or the store fell behind. */
  #isBehind = true
  /** Why delivery stopped before all was sent, as long as it has not gone on to the end. */
  #stall: 'window' | 'socket' | undefined
  /** Looks under way; until they end nobody knows whether more waits. */
  #looks = 0
  /** Counts the occasions on which wake-ups may have been missed, and up to which of them a look has made up for it. */
  #gaps = 1
  #closedGaps = 0
  #cancelRetry: (() => void) | undefined

  /** @param onOverflow called when more acknowledgements wait for the store than can be kept in mind */
  constructor(parts: DeliveryParts, queues: readonly Queue[], outlet: DeliveryOutlet, onOverflow: () => void) {
    this.#parts = parts
    this.#queues = queues
    this.#outlet = outlet
    this.#erasures = new Erasures({
      store: parts.store,
      counts: parts.counts,
      onGone: (progress, envelopes) => this.#gone(progress, envelopes),
      onOverflow: () => {
        if (this.#isRunning) onOverflow()
      },
    })
  }

  /** Looks for what waits and delivers from now on. What was marked before is delivered too. */
  start(): void {
    this.#isRunning = true
    void this.#look()
  }

  stop(): void {
    this.#isRunning = false
    this.#cancelRetry?.()
    this.#ids = undefined
  }

  /** A bucket has something new, stored by whomever. */
  wake(queue: Queue, sizeIndex: number, classIndex: number, expiresAt: number): void {
    this.#mark(queue, sizeIndex, classIndex, expiresAt)
    this.resumeSending()
  }

  /** This instance has just stored an envelope. */
  handOver(queue: Queue, envelope: HandedEnvelope): void {
    if (!this.#isRunning) return
    const { sizeIndex, classIndex, expiresAt, seq, isFirst } = envelope
    const known = this.#backlog.find(queue, sizeIndex, classIndex, expiresAt)
    const cursor = known?.cursor
    if (cursor && cursor.base <= seq && seq <= cursor.last && (!isFirst || cursor.base === seq)) return
    // The first of a bucket that was made anew, or of one that is gone by now: only a read can tell which.
    const isNext = cursor === undefined ? isFirst : cursor.last === seq - 1
    const bytes = isNext && this.#canPush(sizeIndex, classIndex) ? envelope.take() : undefined
    if (bytes === undefined) return this.wake(queue, sizeIndex, classIndex, expiresAt)
    const progress = known ?? this.#begin(queue, sizeIndex, classIndex, expiresAt)
    progress.cursor = { base: cursor?.base ?? seq, last: seq }
    this.#send(progress, seq, bytes, envelope.envelopeOffset)
    this.#parts.counts.pushed()
  }

  /**
   * Erases acknowledged envelopes and sends as many more. Ids that are none of this mailbox's are ignored.
   * @param ids 16 bytes each, back to back
   */
  acknowledge(ids: Uint8Array): void {
    for (const queue of this.#queues) {
      const names = this.#idsOf(queue).decode(ids, this.#parts.policy.envelopeBytes.length)
      for (const { bucket, seqs } of groupByBucket(queue, names)) this.#erase(queue, bucket, seqs)
    }
    this.resumeSending()
  }

  /** To be called when the outlet has room again. */
  resumeSending(): void {
    if (this.#isPumping || !this.#isRunning || this.#backlog.hasDirty) void this.#pump()
    else this.#reachedEnd()
  }

  /** Wake-ups may have been missed: nothing counts as drained until a look has succeeded. */
  gap(): void {
    this.#gaps++
    this.#isBehind = true
    this.look()
  }

  /** Looks without being woken. [protocol §8] */
  look(): void {
    this.#backlog.expire(this.#parts.store.nowSeconds((this.#queues[0] as Queue).partition))
    if (this.#backlog.outstanding === 0) this.#ids = undefined
    this.#erasures.retry()
    void this.#look()
  }

  async #look(): Promise<void> {
    const gaps = this.#gaps
    this.#looks++
    try {
      for (const queue of this.#queues) await this.#survey(queue)
      this.#closedGaps = Math.max(this.#closedGaps, gaps)
    } catch {
      // A look that fails late, after a newer one has succeeded, says nothing any more. Otherwise nobody knows what waits,
      // and nothing counts as drained until another look has succeeded.
      if (gaps >= this.#closedGaps) {
        this.#gaps++
        this.#fellBehind()
      }
    } finally {
      this.#looks--
    }
    await this.#pump()
  }

  async #survey(queue: Queue): Promise<void> {
    if (!this.#isRunning) return
    const { store, policy } = this.#parts
    const now = store.nowSeconds(queue.partition)
    const waiting = await store.survey(bucketsOf(queue, policy.envelopeBytes.length, now))
    if (!this.#isRunning) return
    // How many wait says nothing of whether they are new: some may have been acknowledged elsewhere and others have come.
    for (const { bucket } of waiting) this.#mark(queue, bucket.sizeIndex, bucket.classIndex, bucket.expiresAt)
  }

  async #pump(): Promise<void> {
    this.#mustPump = true
    if (this.#isPumping) return
    this.#isPumping = true
    // Whoever calls between the end of a round and the end of its promises is heard in another round.
    while (this.#mustPump && this.#isRunning) {
      this.#mustPump = false
      try {
        if (await this.#readAll()) this.#reachedEnd()
        else this.#isBehind = true
      } catch {
        this.#fellBehind()
      }
    }
    this.#isPumping = false
  }

  /** @returns whether everything that is known to wait was sent; false when the recipient has no room for it */
  async #readAll(): Promise<boolean> {
    for (let next = this.#backlog.next(); next !== undefined; next = this.#backlog.next()) {
      const wanted = Math.min(this.#windowLeft, TURN_ENVELOPES)
      const size = this.#parts.policy.envelopeBytes[next.bucket.sizeIndex] as number
      const room = wanted > 0 ? this.#outlet.takeRoom(wanted, size) : 0
      if (room === 0) {
        this.#stalled(wanted > 0 ? 'socket' : 'window')
        return false
      }
      try {
        await this.#readTurn(next, room)
      } finally {
        this.#outlet.freeRoom(room, size)
      }
      if (!this.#isRunning) return false
    }
    return true
  }

  async #readTurn(progress: BucketProgress, limit: number): Promise<void> {
    progress.isDirty = false
    progress.isReading = true
    this.#reserved = limit
    let page: Page
    try {
      page = await this.#parts.store.read(progress.bucket, progress.cursor, limit)
    } catch (error) {
      progress.isDirty = true
      throw error
    } finally {
      progress.isReading = false
      this.#reserved = 0
    }
    if (!this.#isRunning) return
    if (page.more) progress.isDirty = true
    for (const { seq, sealed } of page.entries) {
      progress.cursor = { base: page.base, last: seq }
      const bytes = openEnvelope(progress.queue, progress.bucket, sealed, ENVELOPE_ROOM_BYTES)
      if (bytes === undefined) continue
      this.#send(progress, seq, bytes, ENVELOPE_ROOM_BYTES)
      this.#parts.counts.read()
    }
    this.#backlog.settle(progress)
  }

  #send(progress: BucketProgress, seq: number, bytes: Uint8Array, envelopeOffset: number): void {
    const { sizeIndex, classIndex, expiresAt } = progress.bucket
    this.#backlog.sent(progress, seq)
    const id = this.#idsOf(progress.queue).encode({ sizeIndex, classIndex, expiresAt, seq })
    this.#outlet.envelope(id, bytes, envelopeOffset)
  }

  #erase(queue: Queue, bucket: Bucket, seqs: readonly number[]): void {
    const progress = this.#backlog.find(queue, bucket.sizeIndex, bucket.classIndex, bucket.expiresAt)
    if (progress) {
      for (const seq of seqs) this.#backlog.acknowledged(progress, seq)
      progress.erasing += seqs.length
    }
    this.#erasures.erase(bucket, seqs, progress)
  }

  #gone(progress: BucketProgress | undefined, envelopes: number): void {
    if (progress === undefined) return
    progress.erasing -= envelopes
    this.#backlog.settle(progress)
  }

  /** All that is known to wait was sent. */
  #reachedEnd(): void {
    this.#stall = undefined
    if (
      !this.#isRunning ||
      !this.#isBehind ||
      this.#looks > 0 ||
      this.#closedGaps < this.#gaps ||
      !this.#backlog.isClean
    )
      return
    this.#isBehind = false
    this.#outlet.drained()
  }

  #stalled(cause: 'window' | 'socket'): void {
    if (cause !== this.#stall) this.#parts.counts.stalled(cause)
    this.#stall = cause
  }

  #fellBehind(): void {
    this.#isBehind = true
    if (!this.#isRunning || this.#cancelRetry) return
    this.#cancelRetry = this.#parts.clock.after(RETRY_MS, () => {
      this.#cancelRetry = undefined
      this.look()
    })
  }

  #canPush(sizeIndex: number, classIndex: number): boolean {
    if (this.#looks > 0 || this.#windowLeft <= 0 || !this.#backlog.isLaneClean(sizeIndex, classIndex)) return false
    const size = this.#parts.policy.envelopeBytes[sizeIndex] as number
    if (this.#outlet.takeRoom(1, size) === 0) return false
    // Sent within the same turn, so nobody else can take the room in between.
    this.#outlet.freeRoom(1, size)
    return true
  }

  get #windowLeft(): number {
    return this.#parts.policy.window - this.#backlog.outstanding - this.#reserved
  }

  #mark(queue: Queue, sizeIndex: number, classIndex: number, expiresAt: number): void {
    this.#begin(queue, sizeIndex, classIndex, expiresAt).isDirty = true
  }

  #begin(queue: Queue, sizeIndex: number, classIndex: number, expiresAt: number): BucketProgress {
    const bucket = bucketOf(queue, sizeIndex, classIndex, expiresAt)
    return this.#backlog.begin(queue, bucket, (other) => this.#queues.indexOf(other))
  }

  #idsOf(queue: Queue): EnvelopeIds {
    this.#ids ??= new Map()
    const known = this.#ids.get(queue)
    if (known) return known
    const ids = new EnvelopeIds(queue)
    this.#ids.set(queue, ids)
    return ids
  }
}
