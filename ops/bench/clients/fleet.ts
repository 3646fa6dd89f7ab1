import { setTimeout as sleep } from 'node:timers/promises'
import { Crowd } from './crowd.ts'
import { HttpProtocol } from './http.ts'
import { Ledger, type Outcome } from './ledger.ts'
import { LetheProtocol } from './lethe.ts'
import { type Reading, startMeter } from './meter.ts'
import { MqttProtocol } from './mqtt.ts'
import { NatsProtocol } from './nats.ts'
import type { Link, Protocol, Target } from './protocol.ts'
import { Sender } from './sender.ts'

const PROTOCOLS = { lethe: LetheProtocol, mqtt: MqttProtocol, nats: NatsProtocol, http: HttpProtocol } as const
const CONNECTS_AT_ONCE = 100
const QUIET_MS = 15_000

export interface FlowOptions {
  /** Deposits a second, due at random times; left out: as many as the windows let through. */
  rate?: number
  /** It is measured after so many messages, or so many seconds, whichever comes first. */
  warmMessages: number
  warmSeconds: number
  seconds: number
  /** Whether anybody receives. Otherwise a deposit is done with when it is accepted. */
  isDelivered: boolean
  /** Processes to measure. */
  pids: number[]
}

export interface Flow extends Reading {
  /** Messages done with while it was measured: delivered, or accepted where nobody receives. */
  messages: number
  p50Ms: number
  p99Ms: number
  /** Everything that was ever sent to this server. */
  outcome: Outcome
}

export interface Batch extends Reading {
  messages: number
  outcome: Outcome
}

/** Senders and recipients of one server. */
export class Fleet {
  readonly #target: Target
  readonly #protocol: Protocol
  readonly #ledger: Ledger
  readonly #senders: Sender[]
  readonly #waitingSenders = new Set<Sender>()
  #recipients: Link[] = []
  #isFlowing = false
  #isDelivered = true
  #left = 0
  #lost = 0
  #onQuiet: () => void = () => {}

  constructor(target: Target) {
    this.#target = target
    this.#protocol = new PROTOCOLS[target.protocol](target)
    this.#ledger = new Ledger(target.recipients)
    this.#senders = Array.from(
      { length: target.senders },
      (_, i) => new Sender(i, target.window, this.#protocol.format),
    )
  }

  /** Makes what must exist at the server, and connects all senders. */
  async prepare(): Promise<void> {
    await this.#protocol.prepare()
    await inPortions(this.#senders, async (sender) => {
      const answered = (slot: number, isAccepted: boolean) => this.#answered(sender, slot, isAccepted)
      sender.use(await this.#protocol.connectSender(sender.index, { answered, lost: () => this.#lost++ }))
    })
  }

  /** Opens every mailbox. */
  async openRecipients(): Promise<void> {
    const indexes = Array.from({ length: this.#target.owned ?? this.#target.recipients }, (_, i) => i)
    const connect = this.#protocol.connectRecipient?.bind(this.#protocol)
    if (!connect) throw new Error('nobody receives by this protocol')
    this.#recipients = await inPortions(indexes, (recipient) =>
      connect(recipient, {
        delivered: (number) => this.#delivered(number, recipient),
        lost: () => this.#lost++,
      }),
    )
  }

  async closeRecipients(): Promise<void> {
    await Promise.all(this.#recipients.map((link) => link.close()))
    this.#recipients = []
  }

  /** Recipients of the same mailboxes who come in numbers and have no traffic of their own. */
  crowd(): Crowd {
    if (!(this.#protocol instanceof LetheProtocol)) throw new Error('only mailboxes of this relay have crowds')
    return new Crowd(this.#target, this.#protocol)
  }

  /** Traffic for a while; measured after it has become steady. */
  async flow({ rate, warmMessages, warmSeconds, seconds, isDelivered, pids }: FlowOptions): Promise<Flow> {
    this.#isDelivered = isDelivered
    this.#left = Number.POSITIVE_INFINITY
    this.#isFlowing = rate === undefined
    if (rate === undefined) this.#refillSoon(this.#senders)
    const stop = rate === undefined ? () => {} : this.#sendOnSchedule(rate)
    await this.#warmUp(warmMessages, warmSeconds)
    this.#ledger.startLatencies()
    const doneBefore = this.#done
    const stopMeter = startMeter(pids)
    await sleep(seconds * 1_000)
    const messages = this.#done - doneBefore
    const reading = stopMeter()
    const latencies = this.#ledger.takeLatencies()
    this.#isFlowing = false
    stop()
    await this.#quiet()
    const percentile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
    return { ...reading, messages, p50Ms: percentile(0.5), p99Ms: percentile(0.99), outcome: this.#outcome() }
  }

  /** Deposits a number of envelopes while nobody receives; for each that is refused another one is sent. */
  async store({ count, pids }: { count: number; pids: number[] }): Promise<Batch> {
    this.#isDelivered = false
    this.#left = count
    this.#isFlowing = true
    const acceptedBefore = this.#ledger.outcome.accepted
    const stopMeter = startMeter(pids)
    this.#refillSoon(this.#senders)
    await this.#until(() => this.#ledger.outcome.accepted - acceptedBefore >= count)
    const reading = stopMeter()
    this.#isFlowing = false
    return { ...reading, messages: count, outcome: this.#outcome() }
  }

  /** Opens every mailbox and takes out what `store` has put in, to the last acknowledgement. */
  async drain({ count, pids }: { count: number; pids: number[] }): Promise<Batch> {
    const deliveredBefore = this.#ledger.outcome.delivered
    const stopMeter = startMeter(pids)
    const opening = this.openRecipients()
    await this.#until(() => this.#ledger.outcome.delivered - deliveredBefore >= count)
    await opening
    const reading = stopMeter()
    return { ...reading, messages: count, outcome: this.#outcome() }
  }

  async close(): Promise<void> {
    await this.closeRecipients()
    await Promise.all(this.#senders.map((sender) => sender.close()))
  }

  async #warmUp(messages: number, seconds: number): Promise<void> {
    const enough = this.#done + messages
    const untilMs = performance.now() + seconds * 1_000
    while (this.#done < enough && performance.now() < untilMs) await sleep(20)
  }

  get #done(): number {
    return this.#isDelivered ? this.#ledger.outcome.delivered : this.#ledger.outcome.accepted
  }

  #outcome(): Outcome {
    if (this.#lost > 0) throw new Error(`the server ended ${this.#lost} connections`)
    return { ...this.#ledger.outcome }
  }

  #answered(sender: Sender, slot: number, isAccepted: boolean): void {
    const isDone = this.#ledger.answer(sender.numberIn(slot), isAccepted, !this.#isDelivered)
    if (!isAccepted) this.#left++
    if (isDone) this.#release(sender, slot)
    this.#onQuiet()
  }

  #delivered(number: number, recipient: number): void {
    const place = this.#ledger.deliver(number, recipient)
    if (place >= 0 && this.#isDelivered) {
      const sender = this.#senders[Math.floor(place / this.#target.window)] as Sender
      this.#release(sender, place % this.#target.window)
    }
    this.#onQuiet()
  }

  #release(sender: Sender, slot: number): void {
    sender.release(slot)
    if (this.#isFlowing) this.#refillSoon([sender])
  }

  /** In the next turn, so that what came for a sender in this one is answered in one piece. */
  #refillSoon(senders: readonly Sender[]): void {
    if (this.#waitingSenders.size === 0) setImmediate(() => this.#refill())
    for (const sender of senders) this.#waitingSenders.add(sender)
  }

  #refill(): void {
    const now = performance.now()
    for (const sender of this.#waitingSenders) {
      while (this.#isFlowing && this.#left > 0 && sender.hasRoom) {
        this.#left--
        this.#deposit(sender, now)
      }
      sender.flush()
    }
    this.#waitingSenders.clear()
  }

  #deposit(sender: Sender, dueMs: number): void {
    const number = this.#ledger.send(dueMs, sender.index * this.#target.window + sender.nextSlot)
    sender.deposit(number, this.#ledger.recipientOf(number))
  }

  /** Looks at the clock in every turn of the loop, since timers are too coarse. @returns a function that ends it */
  #sendOnSchedule(rate: number): () => void {
    const gapMs = () => (-Math.log(1 - Math.random()) * 1_000) / rate
    let dueMs = performance.now() + gapMs()
    let next = 0
    let isEnded = false
    const tick = (): void => {
      if (isEnded) return
      const now = performance.now()
      for (let tried = 0; dueMs <= now && tried < this.#senders.length; tried++) {
        const sender = this.#senders[next++ % this.#senders.length] as Sender
        if (!sender.hasRoom) continue
        this.#deposit(sender, dueMs)
        sender.flush()
        dueMs += gapMs()
      }
      setImmediate(tick)
    }
    setImmediate(tick)
    return () => {
      isEnded = true
    }
  }

  /** Waits until everything that was sent has come back. */
  async #quiet(): Promise<void> {
    const { outcome } = this.#ledger
    const isAnswered = () => outcome.accepted + outcome.refused >= outcome.sent
    await this.#until(() => isAnswered() && (!this.#isDelivered || outcome.delivered >= outcome.accepted))
  }

  async #until(isReached: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      let before = this.#done
      const watch = setInterval(() => {
        if (this.#done === before)
          reject(new Error(`nothing came for ${QUIET_MS} ms: ${JSON.stringify(this.#ledger.outcome)}`))
        before = this.#done
      }, QUIET_MS)
      this.#onQuiet = () => {
        if (!isReached()) return
        clearInterval(watch)
        this.#onQuiet = () => {}
        resolve()
      }
      this.#onQuiet()
    })
  }
}

async function inPortions<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < items.length; i += CONNECTS_AT_ONCE) {
    results.push(...(await Promise.all(items.slice(i, i + CONNECTS_AT_ONCE).map(act))))
  }
  return results
}
