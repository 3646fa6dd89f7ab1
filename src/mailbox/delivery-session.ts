import { ENVELOPE_HEADER_BYTES } from '../protocol/mailbox-frames.ts'
import { Backlog, type BucketProgress } from './backlog.ts'
import { Claims } from './claims.ts'
import { Erasures, groupByBucket } from './erasures.ts'
import type { Announcement, MailboxStore, Page } from './mailbox-store.ts'
import type { HandedEnvelope, OpenMailboxes, QueueListener } from './open-mailboxes.ts'
import type { RelayPolicy } from './policy.ts'
import type { Clock, RandomSource } from './ports.ts'
import { bucketOf, bucketsOf, EnvelopeIds, openEnvelope, type Queue, wipeQueue } from './sealing.ts'

/** Where a session's effects go: one channel of one socket. */
export interface DeliveryOutlet {
  opened(): void
  /** @param frame 19 bytes for the header, then the envelope; the receiver's to keep */
  envelope(id: Uint8Array, frame: Uint8Array): void
  drained(): void
  /** The last effect: a newer OPEN of the mailbox was heard. */
  displaced(): void
  /** The last effect: the mailbox could not be opened. */
  unavailable(): void
  /** The last effect: what the store held may be gone, or acknowledgements could not be kept. */
  storeLost(): void
  /** The last effect: the session was closed from outside. */
  closed(): void
  /**
   * Sets room aside for envelopes of one size, as many of `wanted` as a reader who keeps up has; after fewer than wanted
   * `resumeSending` follows. Each is given back with `freeRoom` once it was sent or turned out not to be there.
   */
  takeRoom(wanted: number, envelopeBytes: number): number
  freeRoom(envelopes: number, envelopeBytes: number): void
}

export interface SessionParts {
  store: MailboxStore
  openMailboxes: OpenMailboxes
  policy: RelayPolicy
  clock: Clock
  random: RandomSource
}

const SESSION_BYTES = 8
/** Own claims come back within milliseconds; a store that takes longer than this is not working. */
const CLAIM_TIMEOUT_MS = 5000
/** Envelopes of one bucket before the next has its turn. */
const TURN_ENVELOPES = 16

/**
 * One open mailbox: what its recipient is sent, when, and in which order. Knows no socket. [protocol §5]
 *
 * Life: `opening` (wake-ups subscribed, claim not heard yet) → `open` → `closed`.
 */
export class DeliverySession implements QueueListener {
  readonly #parts: SessionParts
  readonly #queues: readonly Queue[]
  readonly #wakeKeys: readonly string[]
  readonly #outlet: DeliveryOutlet
  readonly #session: Uint8Array
  readonly #claims: Claims
  readonly #backlog = new Backlog()
  readonly #erasures: Erasures
  #ids = new Map<Queue, EnvelopeIds>()
  #state: 'opening' | 'open' | 'closed' = 'opening'
  #followed = 0
  #isPumping = false
  /** Looks under way; until they end nobody knows whether more waits. */
  #looks = 0
  /** A DRAINED is owed: after OPEN, and after the recipient or the store fell behind. */
  #isBehind = true
  #cancelTimeout: () => void = () => {}

  /** @param queues of the mailbox, one for each storeSecret, the live one last; wiped when the session closes */
  constructor(parts: SessionParts, queues: readonly Queue[], outlet: DeliveryOutlet) {
    this.#parts = parts
    this.#queues = queues
    this.#wakeKeys = queues.map(({ wakeKey }) => wakeKey)
    this.#outlet = outlet
    this.#session = parts.random.bytes(SESSION_BYTES)
    this.#claims = new Claims(queues, latin1(this.#session))
    this.#erasures = new Erasures(parts.store, () => this.#lose())
  }

  get isListening(): boolean {
    return this.#state === 'open'
  }

  /** Subscribes, claims, and begins to deliver once the own claim is heard. */
  async open(): Promise<void> {
    this.#parts.openMailboxes.add(this.#wakeKeys, this)
    this.#cancelTimeout = this.#parts.clock.after(CLAIM_TIMEOUT_MS, () => this.#fail())
    try {
      for (const queue of this.#queues) {
        await this.#parts.store.follow(queue)
        if (this.#state === 'closed') return this.#parts.store.unfollow(queue)
        this.#followed++
      }
      await this.#claimNext()
    } catch {
      this.#fail()
    }
  }

  /**
   * Erases acknowledged envelopes and sends as many more. Ids that are none of this mailbox's are ignored.
   * @param ids 16 bytes each, back to back
   */
  acknowledge(ids: Uint8Array): void {
    if (this.#state !== 'open') return
    const sizes = this.#parts.policy.envelopeBytes.length
    for (const queue of this.#queues) {
      const names = this.#idsOf(queue).decode(ids, sizes)
      for (const { bucket, seqs } of groupByBucket(queue, names)) {
        const progress = this.#backlog.find(queue, bucket.sizeIndex, bucket.classIndex, bucket.expiresAt)
        if (progress) for (const seq of seqs) this.#backlog.acknowledged(progress, seq)
        void this.#erase(progress, bucket, seqs)
      }
    }
    this.resumeSending()
  }

  /** To be called when the outlet has room again. */
  resumeSending(): void {
    if (this.#state === 'open') void this.#pump()
  }

  /** Ends the session without a word to the recipient. */
  close(): void {
    if (this.#state === 'closed') return
    this.#end()
    this.#outlet.closed()
  }

  #end(): void {
    this.#state = 'closed'
    this.#cancelTimeout()
    this.#parts.openMailboxes.remove(this.#wakeKeys, this)
    for (const queue of this.#queues.slice(0, this.#followed)) this.#parts.store.unfollow(queue)
    for (const queue of this.#queues) wipeQueue(queue)
    this.#ids.clear()
  }

  wake(wakeKey: string, sizeIndex: number, classIndex: number, expiresAt: number): void {
    const queue = this.#queueOf(wakeKey)
    if (this.#state === 'closed' || queue === undefined || sizeIndex >= this.#parts.policy.envelopeBytes.length) return
    this.#mark(queue, sizeIndex, classIndex, expiresAt)
    if (this.#state === 'open') void this.#pump()
  }

  handOver(wakeKey: string, envelope: HandedEnvelope): void {
    const queue = this.#queueOf(wakeKey)
    if (this.#state !== 'open' || queue === undefined) return
    const { sizeIndex, classIndex, expiresAt, seq, isFirst } = envelope
    const known = this.#backlog.find(queue, sizeIndex, classIndex, expiresAt)
    const cursor = known?.cursor
    if (cursor && cursor.base <= seq && seq <= cursor.last && (!isFirst || cursor.base === seq)) return
    const isNext = isFirst || cursor?.last === seq - 1
    const frame = isNext && this.#canPush(sizeIndex, classIndex) ? this.#takeFrame(envelope) : undefined
    if (frame === undefined) {
      this.#mark(queue, sizeIndex, classIndex, expiresAt)
      void this.#pump()
      return
    }
    const progress = known ?? this.#begin(queue, sizeIndex, classIndex, expiresAt)
    progress.cursor = { base: isFirst ? seq : (cursor as { base: number }).base, last: seq }
    this.#send(progress, seq, frame)
  }

  announced(wakeKey: string, kind: Announcement['kind'], session: string): void {
    if (this.#state === 'closed') return
    if (kind === 'question') {
      const queue = this.#queueOf(wakeKey)
      if (this.#state === 'open' && queue && session !== latin1(this.#session)) this.#announce(queue, 'claim')
      return
    }
    const meaning = this.#claims.hear(wakeKey, session)
    if (meaning === 'displaced') {
      this.#end()
      this.#outlet.displaced()
    } else if (meaning === 'own' && this.#state === 'opening') {
      this.#claimNext().catch(() => this.#fail())
    }
  }

  resume(): void {
    if (this.#state !== 'open') return
    this.#isBehind = true
    for (const queue of this.#queues) this.#announce(queue, 'question')
    this.look()
  }

  look(): void {
    if (this.#state !== 'open') return
    this.#backlog.expire(this.#parts.store.nowSeconds((this.#queues[0] as Queue).partition))
    if (this.#backlog.outstanding === 0) this.#ids.clear()
    this.#erasures.retry()
    void this.#look()
  }

  storeReplaced(): void {
    if (this.#state === 'opening') this.#fail()
    else this.#lose()
  }

  async #claimNext(): Promise<void> {
    const pending = this.#claims.pending
    if (pending !== undefined) {
      await this.#parts.store.announce(this.#queueOf(pending) as Queue, { kind: 'claim', session: this.#session })
      return
    }
    if (this.#state !== 'opening') return
    this.#cancelTimeout()
    this.#state = 'open'
    this.#outlet.opened()
    await this.#look()
  }

  #fail(): void {
    if (this.#state !== 'opening') return
    this.#end()
    this.#outlet.unavailable()
  }

  #lose(): void {
    if (this.#state !== 'open') return
    this.#end()
    this.#outlet.storeLost()
  }

  #announce(queue: Queue, kind: Announcement['kind']): void {
    this.#parts.store.announce(queue, { kind, session: this.#session }).catch(() => {
      // The next time the store comes up the question is asked again.
    })
  }

  async #look(): Promise<void> {
    const { store, policy } = this.#parts
    this.#looks++
    try {
      for (const queue of this.#queues) {
        const now = store.nowSeconds(queue.partition)
        for (const { bucket, count } of await store.survey(bucketsOf(queue, policy.envelopeBytes.length, now))) {
          const { sizeIndex, classIndex, expiresAt } = bucket
          const known = this.#backlog.find(queue, sizeIndex, classIndex, expiresAt)
          if (known === undefined || count > known.outstanding.size + known.erasing) {
            this.#begin(queue, sizeIndex, classIndex, expiresAt).isDirty = true
          }
        }
        if (this.#state === 'closed') return
      }
    } catch {
      // The store says when it is up again, and then the session looks once more: until then a DRAINED would be a guess.
      this.#isBehind = true
      return
    } finally {
      this.#looks--
    }
    await this.#pump()
  }

  async #pump(): Promise<void> {
    if (this.#isPumping || this.#state !== 'open') return
    this.#isPumping = true
    try {
      for (;;) {
        const progress = this.#backlog.next()
        if (progress === undefined) break
        const wanted = Math.min(this.#windowLeft, TURN_ENVELOPES)
        const size = this.#sizeOf(progress.bucket.sizeIndex)
        const room = wanted > 0 ? this.#outlet.takeRoom(wanted, size) : 0
        if (room === 0) {
          this.#isBehind = true
          return
        }
        await this.#readTurn(progress, room).finally(() => this.#outlet.freeRoom(room, size))
        if (this.#isClosed()) return
      }
      if (this.#isBehind && this.#looks === 0 && this.#backlog.isClean) {
        this.#isBehind = false
        this.#outlet.drained()
      }
    } catch {
      this.#isBehind = true
    } finally {
      this.#isPumping = false
    }
  }

  async #readTurn(progress: BucketProgress, limit: number): Promise<void> {
    progress.isDirty = false
    progress.isReading = true
    let page: Page
    try {
      page = await this.#parts.store.read(progress.bucket, progress.cursor, limit)
    } catch (error) {
      progress.isDirty = true
      throw error
    } finally {
      progress.isReading = false
    }
    if (this.#isClosed()) return
    if (page.more) progress.isDirty = true
    let last = progress.cursor?.base === page.base ? progress.cursor.last : page.base - 1
    for (const { seq, sealed } of page.entries) {
      last = seq
      progress.cursor = { base: page.base, last }
      const frame = openEnvelope(progress.queue, progress.bucket, sealed, ENVELOPE_HEADER_BYTES)
      if (frame) this.#send(progress, seq, frame)
    }
    this.#backlog.settle(progress)
  }

  #send(progress: BucketProgress, seq: number, frame: Uint8Array): void {
    const { sizeIndex, classIndex, expiresAt } = progress.bucket
    this.#backlog.sent(progress, seq)
    this.#outlet.envelope(this.#idsOf(progress.queue).encode({ sizeIndex, classIndex, expiresAt, seq }), frame)
  }

  async #erase(progress: BucketProgress | undefined, bucket: BucketProgress['bucket'], seqs: number[]): Promise<void> {
    if (progress) progress.erasing += seqs.length
    await this.#erasures.erase(bucket, seqs)
    if (progress) {
      progress.erasing -= seqs.length
      this.#backlog.settle(progress)
    }
  }

  #canPush(sizeIndex: number, classIndex: number): boolean {
    return this.#looks === 0 && this.#windowLeft > 0 && this.#backlog.isLaneClean(sizeIndex, classIndex)
  }

  #takeFrame(envelope: HandedEnvelope): Uint8Array | undefined {
    const size = this.#sizeOf(envelope.sizeIndex)
    if (this.#outlet.takeRoom(1, size) === 0) return undefined
    this.#outlet.freeRoom(1, size)
    return envelope.take()
  }

  get #windowLeft(): number {
    return this.#parts.policy.window - this.#backlog.outstanding
  }

  #sizeOf(sizeIndex: number): number {
    return this.#parts.policy.envelopeBytes[sizeIndex] as number
  }

  #mark(queue: Queue, sizeIndex: number, classIndex: number, expiresAt: number): void {
    this.#begin(queue, sizeIndex, classIndex, expiresAt).isDirty = true
  }

  #begin(queue: Queue, sizeIndex: number, classIndex: number, expiresAt: number): BucketProgress {
    const bucket = bucketOf(queue, sizeIndex, classIndex, expiresAt)
    return this.#backlog.begin(queue, bucket, (other) => this.#queues.indexOf(other))
  }

  #idsOf(queue: Queue): EnvelopeIds {
    const known = this.#ids.get(queue)
    if (known) return known
    const ids = new EnvelopeIds(queue)
    this.#ids.set(queue, ids)
    return ids
  }

  #queueOf(wakeKey: string): Queue | undefined {
    return this.#queues.find((queue) => queue.wakeKey === wakeKey)
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
