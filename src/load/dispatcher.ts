import { ADDRESS_BYTES } from '../protocol/address.ts'
import { grantClass } from '../protocol/retention.ts'
import { Arrivals } from './arrivals.ts'
import { monotonicMs } from './clock.ts'
import { giveUpBeforeMs, type Sender } from './sender.ts'
import type { WorkerContext } from './worker-context.ts'

const TICK_MS = 1
const GIVE_UP_MS = 250
/** Most deposits of one turn: what comes in must have its turn too. */
const MAX_BURST = 512

/** Hands out deposits as they become due, to senders that have room. */
export class Dispatcher {
  readonly #context: WorkerContext
  readonly #senders: readonly Sender[]
  readonly #addresses: Buffer
  readonly #arrivals: Arrivals
  readonly #startMs: number
  readonly #endMs: number
  readonly #maxTtlSeconds: number
  #number = 0
  #isBlocked = false
  /** What was held up by senders without room has not all been sent yet. */
  #isCatchingUp = false
  #isEnded = false
  #givenUpMs = 0
  #onEnded: (neverSent: number) => void

  /** @param onEnded called once nothing more is sent and everything is answered or given up */
  constructor(
    context: WorkerContext,
    senders: readonly Sender[],
    options: { addresses: Buffer; rate: number; startMs: number; maxTtlSeconds: number },
    onEnded: (neverSent: number) => void,
  ) {
    const { plan } = context
    this.#context = context
    this.#senders = senders
    this.#addresses = options.addresses
    this.#startMs = options.startMs
    this.#endMs = plan.durationSeconds * 1_000
    this.#maxTtlSeconds = options.maxTtlSeconds
    this.#arrivals = new Arrivals({
      rate: options.rate,
      rampSeconds: plan.rampSeconds,
      arrivals: plan.arrivals,
      random: Math.random,
    })
    this.#onEnded = onEnded
    this.#later()
  }

  /** Deposits that are due and were not sent yet, as far as the schedule can say without being gone through. */
  get waiting(): number {
    const behindMs = Math.min(this.#sinceStartMs, this.#endMs) - this.#arrivals.nextMs
    return behindMs <= 0 ? 0 : Math.round((behindMs / 1_000) * this.#rate)
  }

  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** Ends the schedule now. */
  end(): void {
    this.#isEnded = true
  }

  get #rate(): number {
    return this.#context.plan.rate / this.#context.plan.workers
  }

  get #sinceStartMs(): number {
    return monotonicMs() - this.#startMs
  }

  #later(): void {
    setTimeout(() => this.#tick(), TICK_MS)
  }

  #tick(): void {
    const nowMs = this.#sinceStartMs
    this.#isBlocked = false
    if (!this.#isEnded) this.#sendDue(nowMs)
    for (const sender of this.#senders) sender.flush()
    if (nowMs - this.#givenUpMs > GIVE_UP_MS) {
      this.#givenUpMs = nowMs
      const beforeMs = giveUpBeforeMs(this.#context.plan.answerSeconds)
      for (const sender of this.#senders) sender.giveUp(beforeMs)
    }
    const isOver = this.#isEnded || (nowMs >= this.#endMs && this.#arrivals.nextMs >= this.#endMs)
    // What could not be sent in time is given up as late as an answer would be.
    const isTooLate = nowMs >= this.#endMs + this.#context.plan.answerSeconds * 1_000
    if (isOver || isTooLate) {
      this.#isEnded = true
      if (this.#senders.every(({ awaited }) => awaited === 0)) return this.#finish()
    }
    this.#later()
  }

  #sendDue(nowMs: number): void {
    const { lag } = this.#context.latencies
    for (let sent = 0; sent < MAX_BURST; sent++) {
      const dueMs = this.#arrivals.nextMs
      if (dueMs > nowMs || dueMs >= this.#endMs) {
        this.#isCatchingUp = false
        return
      }
      const sender = this.#pick()
      if (sender === undefined) {
        this.#isBlocked = true
        this.#isCatchingUp = true
        return
      }
      if (!this.#isCatchingUp) lag.record(this.#sinceStartMs - dueMs)
      this.#sendOne(sender, this.#startMs + dueMs)
      this.#arrivals.advance()
    }
  }

  #pick(): Sender | undefined {
    const first = Math.floor(Math.random() * this.#senders.length)
    for (let i = 0; i < this.#senders.length; i++) {
      const sender = this.#senders[(first + i) % this.#senders.length] as Sender
      if (sender.hasRoom) return sender
    }
    return undefined
  }

  #sendOne(sender: Sender, dueMs: number): void {
    const { sizes, ttls } = this.#context.plan
    const mailbox = Math.floor((Math.random() * this.#addresses.length) / ADDRESS_BYTES)
    const size = Math.floor(Math.random() * sizes.length)
    const ttl = Math.floor(Math.random() * ttls.length)
    const ttlSeconds = ttls[ttl] as number
    sender.send({
      number: this.#number++,
      mailbox,
      address: this.#addresses.subarray(mailbox * ADDRESS_BYTES, (mailbox + 1) * ADDRESS_BYTES),
      envelopeBytes: sizes[size] as number,
      ttlSeconds,
      classIndex: grantClass(ttlSeconds, this.#maxTtlSeconds),
      lane: size * 8 + ttl,
      dueMs,
    })
  }

  #finish(): void {
    this.#onEnded(this.waiting)
  }
}
