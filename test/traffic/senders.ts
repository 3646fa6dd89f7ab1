import { setTimeout as sleep } from 'node:timers/promises'
import type { Mailbox } from '../conformance/client.ts'
import { connectDeposit, type DepositSocket } from '../conformance/deposit-socket.ts'
import { type Answer, deposit } from '../conformance/http.ts'
import { numberOf } from '../conformance/problems.ts'
import type { Fleet } from './fleet.ts'
import type { Ledger } from './ledger.ts'

/** What a sender works with. */
export interface SenderOptions {
  readonly fleet: Fleet
  readonly ledger: Ledger
  readonly mailboxes: readonly Mailbox[]
  /** Where in the fleet it sends as long as that instance runs. */
  readonly instance: number
  /** Milliseconds between an answer and the next deposit. */
  readonly pauseMs?: number
}

const SMALL = 4_000
const LARGE = 64_000
/** Every so many envelopes a large one. */
const LARGE_EVERY = 16
/** Lifetimes asked for in turns; none so short that an envelope expires during a test. */
const TTLS = [3_600, 86_400, 604_800, 600] as const
const UNAVAILABLE = numberOf('ERR_STORE_UNAVAILABLE')

/** Deposits without end, one after the other, until it is stopped. Refusals and lost connections leave an envelope open. */
export abstract class Sender {
  /** The longest wait for an answer so far, in milliseconds. */
  slowestMs = 0
  /** How many deposits were accepted. */
  accepted = 0
  /** Answers that said no: HTTP status or error number. */
  readonly refusals: number[] = []
  protected readonly options: SenderOptions
  #isStopped = false
  #turn = 0
  #running: Promise<void> = Promise.resolve()

  constructor(options: SenderOptions) {
    this.options = options
  }

  start(): this {
    this.#running = this.#run()
    return this
  }

  /** Resolves when the last deposit is answered. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
    await this.close()
  }

  /** Whether the deposit was accepted; undefined where there was no answer. */
  protected abstract send(address: Buffer, envelope: Buffer, ttl: number): Promise<boolean | undefined>

  protected abstract close(): Promise<void>

  protected refused(code: number): false {
    this.refusals.push(code)
    return false
  }

  async #run(): Promise<void> {
    const { ledger, mailboxes, pauseMs = 10 } = this.options
    while (!this.#isStopped) {
      const turn = this.#turn++
      const mailbox = mailboxes[(turn * 7 + this.options.instance) % mailboxes.length] as Mailbox
      const { number, envelope } = ledger.create(mailbox, turn % LARGE_EVERY === 5 ? LARGE : SMALL)
      const sinceMs = performance.now()
      const isAccepted = await this.send(mailbox.address, envelope, TTLS[turn % TTLS.length] as number)
      this.slowestMs = Math.max(this.slowestMs, performance.now() - sinceMs)
      if (isAccepted) {
        ledger.accepted(number)
        this.accepted++
      }
      await sleep(isAccepted ? pauseMs : pauseMs + 20)
    }
  }
}

/** Sends over HTTP, each deposit on a connection of its own. */
export class HttpSender extends Sender {
  protected override async send(address: Buffer, envelope: Buffer, ttl: number): Promise<boolean | undefined> {
    const { ledger } = this.options
    const answer = await this.#post(address, envelope, ttl)
    if (answer === undefined) return undefined
    if (answer.status === 202) return true
    const isKnown = answer.status === 503 && /^\d+$/.test(answer.headers['retry-after'] ?? '')
    if (!isKnown) ledger.problems.push(`a deposit was answered ${answer.status}`)
    return this.refused(answer.status)
  }

  protected override async close(): Promise<void> {}

  async #post(address: Buffer, envelope: Buffer, ttl: number): Promise<Answer | undefined> {
    const { fleet, instance } = this.options
    try {
      return await deposit(fleet.near(instance), address, envelope, ttl)
    } catch {
      return undefined
    }
  }
}

/** Sends over one socket as long as that lasts, then over another. */
export class SocketSender extends Sender {
  #socket: DepositSocket | undefined
  #ref = 0

  protected override async send(address: Buffer, envelope: Buffer, ttl: number): Promise<boolean | undefined> {
    const { fleet, instance, ledger } = this.options
    try {
      this.#socket ??= await connectDeposit(fleet.near(instance))
      const ref = this.#ref++
      this.#socket.deposit({ ref, ttl, address, envelope })
      const answer = await this.#socket.answer()
      if (answer.ref !== ref) ledger.problems.push(`deposit ${ref} was answered with the ref ${answer.ref}`)
      if (answer.type === 'ACCEPTED') return true
      if (answer.code !== UNAVAILABLE) ledger.problems.push(`a deposit was answered with the error ${answer.code}`)
      return this.refused(answer.code)
    } catch {
      this.#socket?.terminate()
      this.#socket = undefined
      return undefined
    }
  }

  protected override async close(): Promise<void> {
    await this.#socket?.close()
  }
}
