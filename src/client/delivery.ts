import { concatBytes, parseBase64url, toBase64url } from '../protocol/bytes.ts'
import { MAX_ACK_IDS } from '../protocol/mailbox-frames.ts'
import { type ClientError, UnexpectedAnswerError } from './errors.ts'
import { RecentIds } from './recent-ids.ts'

/** Far above any window: a relay that sends more without being acknowledged does not keep to the protocol. */
const MAX_QUEUED = 4_096
const REMEMBERED_ACKS = 4_096

/** An envelope that has arrived. */
export interface ReceivedEnvelope {
  /** 22 characters. The same over redeliveries, never used again: what was seen under this id is this envelope. */
  readonly id: string
  readonly envelope: Uint8Array
  /**
   * Has the relay erase the envelope. Call it when the message is safe on your side; what is never acknowledged comes
   * again on the next connection, and blocks the window until then. Also acknowledge what cannot be opened.
   * Acknowledgements go out in batches, also after a reconnect; after the iteration has ended they go nowhere.
   */
  ack(): void
}

export interface DeliveryOptions {
  /** Called each time the caller has been given all that waited at the relay. [protocol §5] */
  onDrained?: () => void
  /** Ends the iteration at that point instead of waiting for more. */
  untilDrained?: boolean
}

/** What a delivery needs of whoever owns the connection. */
export interface DeliveryOwner {
  /** The first envelope has been asked for. */
  start(): void
  /** Acknowledges 1 to 64 ids, back to back. False where there is no open channel: they are kept. */
  sendAcks(ids: Uint8Array): boolean
  /** The iteration is over. Acknowledgements that could be sent have been. */
  stop(): void
}

type Step = IteratorResult<ReceivedEnvelope, undefined>

interface Waiter {
  resolve(step: Step): void
  reject(error: unknown): void
}

/** One mailbox's envelopes as an async iterator, and their acknowledgements. Knows no sockets. */
export class Delivery implements AsyncIterableIterator<ReceivedEnvelope, undefined> {
  readonly #options: DeliveryOptions
  readonly #owner: DeliveryOwner
  readonly #queue: (ReceivedEnvelope | 'drained')[] = []
  readonly #waiters: Waiter[] = []
  readonly #acked = new RecentIds(REMEMBERED_ACKS)
  #unsentAcks: Uint8Array[] = []
  #flushTimer: ReturnType<typeof setTimeout> | undefined
  #state: 'new' | 'live' | 'over' = 'new'
  #error: unknown

  constructor(options: DeliveryOptions, owner: DeliveryOwner) {
    this.#options = options
    this.#owner = owner
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Step> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      if (this.#state === 'new') {
        this.#state = 'live'
        this.#owner.start()
      }
      this.#settle()
    })
  }

  /** Ends the iteration: sends the acknowledgements that are left and lets go of the connection. */
  async return(): Promise<Step> {
    this.end()
    return { done: true, value: undefined }
  }

  /** An envelope came. One that was acknowledged before is acknowledged again, since the relay missed it. */
  push(id: Uint8Array, envelope: Uint8Array): void {
    if (this.#state === 'over') return
    const text = toBase64url(id)
    if (this.#acked.has(text)) return this.#queueAck(id)
    if (this.#queue.length >= MAX_QUEUED) return this.end(new UnexpectedAnswerError())
    this.#queue.push({ id: text, envelope, ack: () => this.#ack(text) })
    this.#settle()
  }

  pushDrained(): void {
    if (this.#state === 'over' || this.#queue.at(-1) === 'drained') return
    this.#queue.push('drained')
    this.#settle()
  }

  /** The channel is gone: what has not been given to the caller will come again. */
  disconnect(): void {
    this.#queue.length = 0
  }

  /** Ends the iteration, with an error where one is given. */
  end(error?: ClientError): void {
    if (this.#state === 'over') return
    const wasLive = this.#state === 'live'
    this.flush()
    clearTimeout(this.#flushTimer)
    this.#state = 'over'
    this.#error = error
    this.#queue.length = 0
    if (wasLive) this.#owner.stop()
    this.#settle()
  }

  /** Sends the acknowledgements that are due, as far as there is an open channel. */
  flush(): void {
    clearTimeout(this.#flushTimer)
    this.#flushTimer = undefined
    while (this.#unsentAcks.length > 0) {
      if (!this.#owner.sendAcks(concatBytes(...this.#unsentAcks.slice(0, MAX_ACK_IDS)))) return
      this.#unsentAcks = this.#unsentAcks.slice(MAX_ACK_IDS)
    }
  }

  #settle(): void {
    while (this.#waiters.length > 0) {
      if (this.#state === 'over') {
        this.#finish(this.#waiters.shift() as Waiter)
      } else if (this.#queue[0] === 'drained') {
        this.#queue.shift()
        this.#drained()
      } else if (this.#queue[0] !== undefined) {
        const value = this.#queue.shift() as ReceivedEnvelope
        // It may have come again while the caller was about to acknowledge it.
        if (!this.#acked.has(value.id)) this.#waiters.shift()?.resolve({ done: false, value })
      } else {
        // The caller waits, so it has acknowledged what it will: waiting for more of them would only cost time.
        this.flush()
        return
      }
    }
  }

  /** The first to ask after an error is given it; the iteration is plainly over for all others. */
  #finish(waiter: Waiter): void {
    const error = this.#error
    this.#error = undefined
    if (error === undefined) waiter.resolve({ done: true, value: undefined })
    else waiter.reject(error)
  }

  #drained(): void {
    try {
      this.#options.onDrained?.()
    } catch (error) {
      this.end(error as ClientError)
      return
    }
    if (this.#options.untilDrained) this.end()
  }

  #ack(id: string): void {
    if (this.#state === 'over' || this.#acked.has(id)) return
    this.#acked.add(id)
    this.#queueAck(parseBase64url(id))
  }

  #queueAck(id: Uint8Array): void {
    this.#unsentAcks.push(id)
    if (this.#unsentAcks.length >= MAX_ACK_IDS) this.flush()
    else this.#flushTimer ??= setTimeout(() => this.flush(), 1)
  }
}
