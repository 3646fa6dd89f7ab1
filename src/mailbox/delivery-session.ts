import { Claims } from './claims.ts'
import { Delivery, type DeliveryOutlet, type DeliveryParts } from './delivery.ts'
import type { Announcement } from './mailbox-store.ts'
import type { HandedEnvelope, OpenMailboxes, QueueListener } from './open-mailboxes.ts'
import type { RandomSource } from './ports.ts'
import { type Queue, wipeQueue } from './sealing.ts'

/** Where a session's effects go. */
export interface SessionOutlet extends DeliveryOutlet {
  opened(): void
  /** The last effect: what the store held may be gone, or acknowledgements could not be kept. */
  storeLost(): void
  /** The last effect: a newer OPEN of the mailbox was heard. */
  displaced(): void
  /** The last effect: the mailbox could not be opened. */
  unavailable(): void
  /** The last effect: the session was closed from outside. */
  closed(): void
}

export interface SessionParts extends DeliveryParts {
  openMailboxes: OpenMailboxes
  random: RandomSource
}

const SESSION_BYTES = 8
/** After a question of one's own, questions of others are taken to be about the same gap for this long. */
const QUESTION_WINDOW_MS = 5000
/** Own claims come back within milliseconds; a store that takes longer than this is not working. */
const CLAIM_TIMEOUT_MS = 5000
/** How long until a question that could not be sent is asked again. */
const ASK_AGAIN_MS = 2000

const nothing = () => {}

/**
 * One OPEN of a mailbox, from its claim to its end. Knows no socket. [protocol §5]
 *
 * Life: `opening` (wake-ups subscribed, own claim not heard yet) → `open` → `closed`.
 */
export class DeliverySession implements QueueListener {
  readonly #parts: SessionParts
  readonly #queues: readonly Queue[]
  readonly #wakeKeys: readonly string[]
  readonly #outlet: SessionOutlet
  readonly #session: Uint8Array
  readonly #sessionKey: string
  readonly #claims: Claims
  readonly #delivery: Delivery
  #state: 'opening' | 'open' | 'closed' = 'opening'
  #followed = 0
  /** There for as long as answers to its own question may come. By a timer: the time of day may jump meanwhile. */
  #stopAsking: (() => void) | undefined
  #cancelTimeout = nothing
  #cancelAskingAgain: (() => void) | undefined

  /** @param queues of the mailbox, one for each storeSecret, the live one last; wiped when the session ends */
  constructor(parts: SessionParts, queues: readonly Queue[], outlet: SessionOutlet) {
    this.#parts = parts
    this.#queues = queues
    this.#wakeKeys = queues.map(({ wakeKey }) => wakeKey)
    this.#outlet = outlet
    this.#session = parts.random.bytes(SESSION_BYTES)
    this.#sessionKey = Buffer.from(this.#session).toString('latin1')
    this.#claims = new Claims(queues, this.#sessionKey)
    this.#delivery = new Delivery(parts, queues, outlet, () => this.#lose())
  }

  get isListening(): boolean {
    return this.#state === 'open'
  }

  /** Subscribes, claims, and begins to deliver once the own claim is heard. */
  async open(): Promise<void> {
    const { openMailboxes, clock, store } = this.#parts
    openMailboxes.add(this.#wakeKeys, this)
    this.#cancelTimeout = clock.after(CLAIM_TIMEOUT_MS, () => this.#fail())
    try {
      for (const queue of this.#queues) {
        await store.follow(queue)
        if (this.#state === 'closed') return store.unfollow(queue)
        this.#followed++
      }
      await this.#claimNext()
    } catch {
      this.#fail()
    }
  }

  /** @param ids 16 bytes each, back to back; ignored unless the mailbox is open */
  acknowledge(ids: Uint8Array): void {
    if (this.#state === 'open') this.#delivery.acknowledge(ids)
  }

  /** To be called when the outlet has room again. */
  resumeSending(): void {
    this.#delivery.resumeSending()
  }

  /** Ends the session without a word to the recipient. */
  close(): void {
    if (this.#end()) this.#outlet.closed()
  }

  wake(wakeKey: string, sizeIndex: number, classIndex: number, expiresAt: number): void {
    const queue = this.#queueOf(wakeKey)
    if (queue && sizeIndex < this.#parts.policy.envelopeBytes.length) {
      this.#delivery.wake(queue, sizeIndex, classIndex, expiresAt)
    }
  }

  handOver(wakeKey: string, envelope: HandedEnvelope): void {
    const queue = this.#queueOf(wakeKey)
    if (queue) this.#delivery.handOver(queue, envelope)
  }

  announced(wakeKey: string, kind: Announcement['kind'], session: string): void {
    const isOwn = session === this.#sessionKey
    if (kind === 'answer') {
      if (isOwn) this.#displace()
    } else if (kind === 'question') {
      if (!isOwn) this.#answer(wakeKey, session)
    } else {
      const meaning = this.#claims.hear(wakeKey, session)
      if (meaning === 'displaced') this.#displace()
      else if (meaning === 'unclear') this.#ask([this.#queueOf(wakeKey) as Queue])
      else if (meaning === 'own' && this.#state === 'opening') this.#claimNext().catch(() => this.#fail())
    }
  }

  resume(): void {
    if (this.#state !== 'open') return
    this.#ask(this.#queues)
    this.#delivery.gap()
  }

  look(): void {
    if (this.#state === 'open') this.#delivery.look()
  }

  storeReplaced(): void {
    if (this.#state === 'opening') this.#fail()
    else this.#lose()
  }

  async #claimNext(): Promise<void> {
    const pending = this.#claims.pending
    if (pending !== undefined) {
      await this.#announce(this.#queueOf(pending) as Queue, { kind: 'claim', session: this.#session })
    } else if (this.#state === 'opening') {
      this.#cancelTimeout()
      this.#cancelTimeout = nothing
      this.#state = 'open'
      this.#outlet.opened()
      this.#delivery.start()
    }
  }

  /** Has whoever has the mailbox open by right say so. */
  #ask(queues: readonly Queue[]): void {
    this.#stopAsking?.()
    this.#stopAsking = this.#parts.clock.after(QUESTION_WINDOW_MS, () => {
      this.#stopAsking = undefined
    })
    for (const queue of queues) {
      this.#announce(queue, { kind: 'question', session: this.#session }).catch(() => this.#askAgain())
    }
  }

  #askAgain(): void {
    if (this.#state !== 'open') return
    this.#cancelAskingAgain ??= this.#parts.clock.after(ASK_AGAIN_MS, () => {
      this.#cancelAskingAgain = undefined
      this.#ask(this.#queues)
    })
  }

  // Of two that ask at once neither knows which is the later: the one with the larger session stays, whichever hears the
  // other.
  #answer(wakeKey: string, session: string): void {
    const queue = this.#queueOf(wakeKey)
    if (queue === undefined || this.#state !== 'open') return
    const isAsking = this.#stopAsking !== undefined
    if (isAsking && session > this.#sessionKey) return this.#displace()
    this.#claims.answered(session)
    this.#announce(queue, { kind: 'answer', session: Buffer.from(session, 'latin1') }).catch(nothing)
  }

  #announce(queue: Queue, announcement: Announcement): Promise<void> {
    return this.#parts.store.announce(queue, announcement)
  }

  #fail(): void {
    if (this.#state === 'opening' && this.#end()) this.#outlet.unavailable()
  }

  #lose(): void {
    if (this.#end()) this.#outlet.storeLost()
  }

  #displace(): void {
    if (this.#end()) this.#outlet.displaced()
  }

  /** @returns whether there was something to end */
  #end(): boolean {
    if (this.#state === 'closed') return false
    this.#state = 'closed'
    this.#cancelTimeout()
    this.#stopAsking?.()
    this.#cancelAskingAgain?.()
    this.#delivery.stop()
    this.#parts.openMailboxes.remove(this.#wakeKeys, this)
    for (const queue of this.#queues.slice(0, this.#followed)) this.#parts.store.unfollow(queue)
    for (const queue of this.#queues) wipeQueue(queue)
    return true
  }

  #queueOf(wakeKey: string): Queue | undefined {
    return this.#queues.find((queue) => queue.wakeKey === wakeKey)
  }
}
