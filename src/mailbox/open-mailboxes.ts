import type { Counts } from './counts.ts'
import type { Announcement, StoreListener } from './mailbox-store.ts'
import type { Clock } from './ports.ts'

/** An envelope that this process has just stored, offered to whoever waits for it, without a read. */
export interface HandedEnvelope {
  readonly sizeIndex: number
  readonly classIndex: number
  readonly expiresAt: number
  readonly seq: number
  readonly isFirst: boolean
  /** The envelope with room for an ENVELOPE header before it. Given once; undefined after that. */
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

interface Entry {
  readonly listeners: Set<QueueListener>
  /** Wake-ups still to be heard for envelopes that this process deposits itself. */
  ownWakes: number
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
      else this.#entries.set(wakeKey, { listeners: new Set([listener]), ownWakes: 0 })
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
   * Announces a deposit of this process's own, so that its wake-up is not taken for somebody else's envelope.
   * @returns what to call with the stored envelope, or with nothing when it was not stored; undefined if nobody listens
   */
  expect(wakeKey: string): ((envelope?: HandedEnvelope) => void) | undefined {
    const entry = this.#entries.get(wakeKey)
    if (entry === undefined) return undefined
    const isCounted = isHeard(entry)
    if (isCounted) entry.ownWakes++
    return (envelope) => {
      if (envelope === undefined) {
        if (isCounted && entry.ownWakes > 0) entry.ownWakes--
        return
      }
      for (const listener of entry.listeners) listener.handOver(wakeKey, envelope)
    }
  }

  // A wake-up of somebody else's that comes first uses up the count of one's own, which then counts as somebody else's:
  // no wake-up is lost, one only changes its place.
  wake(wakeKey: string, sizeIndex: number, classIndex: number, expiresAt: number): void {
    const entry = this.#entries.get(wakeKey)
    this.#counts.wakeUp(entry !== undefined)
    if (entry === undefined) return
    if (entry.ownWakes > 0) {
      entry.ownWakes--
      return
    }
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
    for (const entry of this.#entries.values()) entry.ownWakes = 0
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

function isHeard(entry: Entry): boolean {
  for (const listener of entry.listeners) if (listener.isListening) return true
  return false
}
