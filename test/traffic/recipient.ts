import { setTimeout as sleep } from 'node:timers/promises'
import type { Mailbox } from '../conformance/client.ts'
import { parseMailboxFrame } from '../conformance/frames.ts'
import { connectMailbox, type MailboxSocket } from '../conformance/mailbox-socket.ts'
import { numberOf } from '../conformance/problems.ts'
import type { Fleet } from './fleet.ts'
import type { Ledger } from './ledger.ts'

/** What a recipient works with. */
export interface RecipientOptions {
  readonly fleet: Fleet
  readonly ledger: Ledger
  readonly mailbox: Mailbox
  /** Where in the fleet it reads as long as that instance runs. */
  readonly instance: number
  /** So many are acknowledged together (default 1); fewer when nothing comes for a while, none when the socket closes. */
  readonly ackEvery?: number
}

const CHANNEL = 3
const QUIET_MS = 25
const RETRY_MS = 50
const UNAVAILABLE = numberOf('ERR_STORE_UNAVAILABLE')

/** Reads one mailbox, acknowledges, and comes back whenever its socket ends, until it is stopped. */
export class Recipient {
  /** How often the mailbox was opened. */
  opens = 0
  /** How often the first DRAINED after an OPEN came. */
  drains = 0
  /** Codes that sockets were closed with. */
  readonly closes: number[] = []
  readonly #options: RecipientOptions
  #isStopped = false
  #socket: MailboxSocket | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: RecipientOptions) {
    this.#options = options
  }

  start(): this {
    this.#running = this.#run()
    return this
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
    await this.#socket?.close()
  }

  /** Loses the connection as a phone does. */
  drop(): void {
    this.#socket?.terminate()
  }

  async #run(): Promise<void> {
    const { fleet, instance } = this.#options
    while (!this.#isStopped) {
      try {
        this.#socket = await connectMailbox(fleet.near(instance))
        await this.#read(this.#socket)
      } catch {
        // Refused or lost: as good as closed.
      }
      if (this.#isStopped) return
      this.#socket?.terminate()
      await sleep(RETRY_MS)
    }
  }

  /** One OPEN, from its claim to the end of the socket. */
  async #read(socket: MailboxSocket): Promise<void> {
    const session = new Session(this.#options, socket)
    socket.sendOpen(CHANNEL, this.#options.mailbox)
    while (!this.#isStopped) {
      const arrival = await socket.next(QUIET_MS).catch(() => undefined)
      if (arrival === undefined) session.acknowledge()
      else if (arrival.kind === 'close') {
        this.closes.push(arrival.code)
        return
      } else {
        const news = session.take(arrival.bytes)
        if (news === 'opened') this.opens++
        else if (news === 'drained') this.drains++
        else if (news === 'over') return
      }
    }
    session.acknowledge()
  }
}

/** What one OPEN must bring before it may be called drained. */
class Session {
  readonly #options: RecipientOptions
  readonly #socket: MailboxSocket
  readonly #owed: readonly number[]
  readonly #seen = new Set<number>()
  #pending: { id: string; number: number }[] = []
  #isDrained = false

  /** To be made before OPEN is sent. */
  constructor(options: RecipientOptions, socket: MailboxSocket) {
    this.#options = options
    this.#socket = socket
    this.#owed = options.ledger.owed(options.mailbox)
  }

  take(bytes: Buffer): 'opened' | 'drained' | 'over' | undefined {
    const { ledger, mailbox, ackEvery = 1 } = this.#options
    const frame = parseMailboxFrame(bytes)
    if (frame.type === 'OPENED') return 'opened'
    if (frame.type === 'ENVELOPE') {
      const number = ledger.received(mailbox, frame)
      this.#seen.add(number)
      this.#pending.push({ id: frame.id, number })
      if (this.#pending.length >= ackEvery) this.acknowledge()
      return undefined
    }
    if (frame.type === 'DRAINED') return this.#drained()
    if (frame.type !== 'ERROR' || frame.code !== UNAVAILABLE) {
      ledger.problems.push(`a recipient was told ${JSON.stringify(frame)}`)
    }
    return 'over'
  }

  acknowledge(): void {
    if (this.#pending.length === 0) return
    this.#socket.ack(
      CHANNEL,
      this.#pending.map(({ id }) => id),
    )
    for (const { number } of this.#pending) this.#options.ledger.acknowledged(number)
    this.#pending = []
  }

  #drained(): 'drained' | undefined {
    if (this.#isDrained) return undefined
    this.#isDrained = true
    const { ledger } = this.#options
    const missing = this.#owed.filter((number) => !this.#seen.has(number) && !ledger.isAcknowledged(number))
    if (missing.length > 0) ledger.problems.push(`DRAINED came before ${missing.join(', ')}`)
    return 'drained'
  }
}
