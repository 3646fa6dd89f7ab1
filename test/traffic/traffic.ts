import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from '../_util/tap.ts'
import { type EventuallyOptions, eventually } from '../_util/wait.ts'
import { createMailbox, type Mailbox, range } from '../conformance/client.ts'
import { Fleet } from './fleet.ts'
import { Ledger } from './ledger.ts'
import { Recipient } from './recipient.ts'
import { HttpSender, type Sender, SocketSender } from './senders.ts'

/** Who takes part. */
export interface TrafficOptions {
  /** Recipients who read all the time. */
  readonly online: number
  /** Recipients who read only at the end. */
  readonly offline: number
  /** Half of them over HTTP, half over sockets; shared out among the instances (default 4). */
  readonly senders?: number
  /** Milliseconds between an answer and the sender's next deposit. */
  readonly pauseMs?: number
}

/** Sessions look by themselves every 30 s, so that nothing takes longer than this. [protocol §8] */
const A_LOOK: EventuallyOptions = { timeoutMs: 45_000, intervalMs: 100 }
const FLOW_MS = 1_000
const FLOW_DEPOSITS = 3
/** With fewer accepted envelopes nothing is shown. */
const LEAST_ACCEPTED = 100

/** Senders and recipients that go on whatever happens to relays and stores. */
export class Traffic {
  readonly ledger = new Ledger()
  readonly fleet: Fleet
  readonly mailboxes: readonly Mailbox[]
  readonly recipients: readonly Recipient[]
  readonly senders: readonly Sender[]
  readonly #online: number

  constructor(t: Test, { online, offline, senders = 4, pauseMs }: TrafficOptions) {
    const fleet = new Fleet(t)
    const { ledger } = this
    const mailboxes = range(0, online + offline).map(() => createMailbox())
    this.fleet = fleet
    this.mailboxes = mailboxes
    this.#online = online
    this.recipients = mailboxes.map((mailbox, instance) => {
      return new Recipient({ fleet, ledger, mailbox, instance, ackEvery: [1, 5, 20][instance % 3] as number })
    })
    this.senders = range(0, senders).map((i) => {
      const options = { fleet, ledger, mailboxes, instance: i >> 1, ...(pauseMs === undefined ? {} : { pauseMs }) }
      return i % 2 === 0 ? new HttpSender(options) : new SocketSender(options)
    })
  }

  begin(): void {
    for (const recipient of this.recipients.slice(0, this.#online)) recipient.start()
    for (const sender of this.senders) sender.start()
  }

  /** Resolves when every sender is served for a while and none is refused. */
  async flows(): Promise<void> {
    await eventually(async () => {
      const before = this.senders.map(({ accepted, refusals }) => ({ accepted, refused: refusals.length }))
      await sleep(FLOW_MS)
      return this.senders.every(({ accepted, refusals }, i) => {
        const { accepted: earlier = 0, refused } = before[i] ?? {}
        return accepted >= earlier + FLOW_DEPOSITS && refusals.length === refused
      })
    }, A_LOOK)
  }

  /** Ends the sending, brings everybody online, and checks that nothing that was accepted is lost. */
  async end(t: Test): Promise<void> {
    const { ledger, recipients, senders } = this
    const isEnough = await eventually(() => ledger.acceptedCount > LEAST_ACCEPTED, A_LOOK).catch(() => false)
    await Promise.all(senders.map((sender) => sender.stop()))
    for (const recipient of recipients.slice(this.#online)) recipient.start()
    const isDone = () =>
      ledger.owed().length === 0 && recipients.every(({ drains, opens }) => opens > 0 && drains === opens)
    const isInTime = await eventually(isDone, A_LOOK).then(
      () => true,
      () => false,
    )
    t.same(ledger.owed(), [], 'nothing that was accepted is lost')
    t.same(ledger.problems, [], 'nothing came changed or misplaced, and no DRAINED too early')
    t.ok(isInTime, 'every OPEN came to its DRAINED')
    t.ok(isEnough, `${ledger.acceptedCount} were accepted`)
  }

  /** Codes that recipients' sockets were closed with by a relay. */
  get closes(): number[] {
    return this.recipients.flatMap(({ closes }) => closes)
  }

  /** The longest that any sender waited for an answer, in milliseconds. */
  get slowestMs(): number {
    return Math.max(...this.senders.map(({ slowestMs }) => slowestMs))
  }

  get refusals(): number[] {
    return this.senders.flatMap(({ refusals }) => refusals)
  }

  /** Waits for the store to be empty, and lets the recipients go. */
  async finish(t: Test, isEmpty: () => Promise<boolean>): Promise<void> {
    await eventually(isEmpty, A_LOOK)
    await Promise.all(this.recipients.map((recipient) => recipient.stop()))
    t.same(this.fleet.complaints(), [], 'no relay met with anything unforeseen')
  }
}
