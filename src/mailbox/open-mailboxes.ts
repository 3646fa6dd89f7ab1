import type { Counts } from './counts.ts'
import type { Announcement, Bucket, StoreListener } from './mailbox-store.ts'
import type { Clock } from './ports.ts'

/** An envelope that this process has just stored, offered to whoever waits for it, without a read. */
export interface HandedEnvelope {
  readonly sizeIndex: number
  readonly classIndex: number
  readonly expiresAt: number
  readonly seq: number
  readonly isFirst: boolean
  /** Where the envelope begins in what `take` gives: ENVELOPE_ROOM_BYTES or more from its start. It ends with it. */
  readonly envelopeOffset: number
  /** Given once; undefined after that. */
  take(): Uint8Array | undefined
}

/** Somebody in this process who waits for envelopes of one queue. */
export interface QueueListener {
  /** Whether wake-ups of the queue certainly reach this process. */
  readonly isListening: boolean
  wake(wakeKey: string, sizeIndex: number, classIndex: number, expiresAt: number): void
  handOver(wakeKey: string, envelope: HandedEnvelope): void
  announced(wakeKey: string, kind: Announcement['kind'], session: string): void
  /** The store works again after wake-ups may have been missed. */
  resume(): void
  /** Time to look without being woken. [protocol §8] */
  look(): void
  /** What the store held may be gone. */
  storeReplaced(): void
}

/** A deposit of this process's own, whose wake-up is not to be taken for that of an envelope nobody here has seen. */
export interface OwnDeposit {
  /** It was stored: offers the envelope to everybody who waits. @param isAnnounced whether a wake-up of its own follows */
  stored(envelope: HandedEnvelope, isAnnounced: boolean): void
  /** It was certainly not stored, and no wake-up follows. */
  refused(): void
  /** Whether it was stored is unknown: everybody who waits looks into its bucket. */
  lost(): void
}

/** How many wake-ups are still to be heard for envelopes that this process deposits itself into one bucket. */
interface OwnWakes {
  readonly sizeIndex: number
  readonly classIndex: number
  readonly expiresAt: number
  count: number
}

interface Entry {
  readonly listeners: Set<QueueListener>
  /** By bucket, hardly more than one. */
  readonly ownWakes: OwnWakes[]
}

/** Sessions look by themselves this often, spread over the period. [protocol §8] */
const LOOK_PERIOD_SECONDS = 30
const RESUME_CHUNK = 64

/** Who in this process listens to which queue: joins what the store announces to sessions and long polls. */
export class OpenMailboxes implements StoreListener {
  readonly #entries = new Map<string, Entry>()
  readonly #lookers: Set<QueueListener>[] = Array.from({ length: LOOK_PERIOD_SECONDS }, () => new Set())
  readonly #stopLooking: () => void
  #second = 0
  readonly #counts: Counts
  readonly #onStore: (state: 'up' | 'down' | 'replaced') => void

  constructor(clock: Clock, counts: Counts, onStore: (state: 'up' | 'down' | 'replaced') => void) {
    this.#counts = counts
    this.#onStore = onStore
    this.#stopLooking = clock.every(1000, () => this.#lookNext())
  }

  close(): void {
    this.#stopLooking()
  }

  add(wakeKeys: readonly string[], listener: QueueListener): void {
    for (const wakeKey of wakeKeys) {
      const entry = this.#entries.get(wakeKey)
      if (entry) entry.listeners.add(listener)
      else this.#entries.set(wakeKey, { listeners: new Set([listener]), ownWakes: [] })
    }
    // A new listener has its turn a whole period from now.
    this.#lookers[this.#second]?.add(listener)
  }

  remove(wakeKeys: readonly string[], listener: QueueListener): void {
    for (const wakeKey of wakeKeys) {
      const entry = this.#entries.get(wakeKey)
      entry?.listeners.delete(listener)
      if (entry?.listeners.size === 0) this.#entries.delete(wakeKey)
    }
    for (const lookers of this.#lookers) lookers.delete(listener)
  }

  /**
   * Takes note of a deposit of this process's own that is about to go to the store; anew if it is sealed for another bucket.
   * @returns what to tell its outcome; undefined if nobody listens
   */
  expect(wakeKey: string, bucket: Bucket): OwnDeposit | undefined {
    const entry = this.#entries.get(wakeKey)
    return entry && new ExpectedWake(entry, wakeKey, bucket)
  }

  // Counted by bucket: a wake-up of somebody else's may then use up the count of one's own and change places with it, as
  // both have listeners look into the same bucket.
  wake(wakeKey: string, sizeIndex: number, classIndex: number, expiresAt: number): void {
    const entry = this.#entries.get(wakeKey)
    this.#counts.wakeUp(entry !== undefined)
    if (entry === undefined || forgetOwnWake(entry, findOwnWakes(entry, sizeIndex, classIndex, expiresAt))) return
    for (const listener of entry.listeners) listener.wake(wakeKey, sizeIndex, classIndex, expiresAt)
  }

  announced(wakeKey: string, kind: Announcement['kind'], session: string): void {
    const entry = this.#entries.get(wakeKey)
    if (entry === undefined) return
    for (const listener of entry.listeners) listener.announced(wakeKey, kind, session)
  }

  up(isGap: boolean): void {
    this.#onStore('up')
    if (!isGap) return
    for (const { ownWakes } of this.#entries.values()) for (const own of ownWakes.splice(0)) own.count = 0
    void this.#resumeAll()
  }

  down(): void {
    this.#onStore('down')
  }

  replaced(): void {
    this.#onStore('replaced')
    for (const listener of this.#allListeners()) listener.storeReplaced()
  }

  // In portions, so that thousands of mailboxes do not hold the loop or flood a store that has just come back.
  async #resumeAll(): Promise<void> {
    const listeners = [...this.#allListeners()]
    for (let i = 0; i < listeners.length; i += RESUME_CHUNK) {
      for (const listener of listeners.slice(i, i + RESUME_CHUNK)) listener.resume()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #allListeners(): Set<QueueListener> {
    const all = new Set<QueueListener>()
    for (const lookers of this.#lookers) for (const listener of lookers) all.add(listener)
    return all
  }

  #lookNext(): void {
    this.#second = (this.#second + 1) % LOOK_PERIOD_SECONDS
    const lookers = this.#lookers[(this.#second + 1) % LOOK_PERIOD_SECONDS]
    for (const listener of [...(lookers ?? [])]) listener.look()
  }
}

class ExpectedWake implements OwnDeposit {
  readonly #entry: Entry
  readonly #wakeKey: string
  readonly #bucket: Bucket
  /** Where it is counted; undefined where its wake-up may not be heard. */
  readonly #counted: OwnWakes | undefined

  constructor(entry: Entry, wakeKey: string, bucket: Bucket) {
    this.#entry = entry
    this.#wakeKey = wakeKey
    this.#bucket = bucket
    this.#counted = isHeard(entry) ? countOwnWake(entry, bucket) : undefined
  }

  stored(envelope: HandedEnvelope, isAnnounced: boolean): void {
    if (!isAnnounced) this.#expectNone()
    for (const listener of this.#entry.listeners) listener.handOver(this.#wakeKey, envelope)
  }

  refused(): void {
    this.#expectNone()
  }

  lost(): void {
    forgetOwnWake(this.#entry, this.#counted)
    this.#wakeAll()
  }

  // Where its place in the count is gone, a wake-up of somebody else's has used it up, and is made up for.
  #expectNone(): void {
    if (this.#counted && !forgetOwnWake(this.#entry, this.#counted)) this.#wakeAll()
  }

  #wakeAll(): void {
    const { sizeIndex, classIndex, expiresAt } = this.#bucket
    for (const listener of this.#entry.listeners) listener.wake(this.#wakeKey, sizeIndex, classIndex, expiresAt)
  }
}

function findOwnWakes(
  { ownWakes }: Entry,
  sizeIndex: number,
  classIndex: number,
  expiresAt: number,
): OwnWakes | undefined {
  for (const own of ownWakes) {
    if (own.expiresAt === expiresAt && own.sizeIndex === sizeIndex && own.classIndex === classIndex) return own
  }
  return undefined
}

function countOwnWake(entry: Entry, { sizeIndex, classIndex, expiresAt }: Bucket): OwnWakes {
  let own = findOwnWakes(entry, sizeIndex, classIndex, expiresAt)
  if (own === undefined) {
    own = { sizeIndex, classIndex, expiresAt, count: 0 }
    entry.ownWakes.push(own)
  }
  own.count++
  return own
}

/** @returns whether a wake-up of one's own was still to be heard there */
function forgetOwnWake({ ownWakes }: Entry, own: OwnWakes | undefined): boolean {
  if (own === undefined || own.count === 0) return false
  own.count--
  if (own.count === 0) ownWakes.splice(ownWakes.indexOf(own), 1)
  return true
}

function isHeard(entry: Entry): boolean {
  for (const listener of entry.listeners) if (listener.isListening) return true
  return false
}
