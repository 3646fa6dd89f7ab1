import { randomBytes } from 'node:crypto'
import { Dispatcher } from './dispatcher.ts'
import { Health } from './health.ts'
import { HttpSender } from './http-sender.ts'
import { createMailboxKey, type MailboxKey } from './keys.ts'
import { LedgerWriter } from './ledger-writer.ts'
import type { WorkerCommand, WorkerInterval, WorkerMessage, WorkerSetup } from './messages.ts'
import { Recipient } from './recipient.ts'
import { type Sender, SocketSender } from './sender.ts'
import { BodyPool } from './stamp.ts'
import { createLatencies, type WorkerContext } from './worker-context.ts'

const INTERVAL_MS = 1_000
/** Connections that are being made at once before the test begins. */
const CONNECTING_AT_ONCE = 100

/** One process of a load test: some of the senders, some of the recipients. */
export class Worker {
  readonly #setup: WorkerSetup
  readonly #tell: (message: WorkerMessage) => void
  readonly #context: WorkerContext
  readonly #keys: readonly MailboxKey[]
  readonly #senders: readonly Sender[]
  readonly #recipients: readonly Recipient[]
  readonly #health = new Health()
  readonly #departures: ReturnType<typeof setTimeout>[] = []
  #addresses: Buffer = Buffer.alloc(0)
  #dispatcher: Dispatcher | undefined
  #before = { sent: 0, accepted: 0, refused: 0, delivered: 0 }

  constructor(setup: WorkerSetup, tell: (message: WorkerMessage) => void) {
    this.#setup = setup
    this.#tell = tell
    this.#context = createContext(setup)
    const { plan, senders, recipients, worker } = setup
    const SenderKind = plan.transport === 'ws' ? SocketSender : HttpSender
    this.#senders = Array.from({ length: senders }, (_, i) => new SenderKind(this.#context, i * plan.workers + worker))
    this.#keys = Array.from({ length: recipients }, createMailboxKey)
    this.#recipients = this.#keys.map((key, i) => this.#createRecipient(key, i))
    tell({ kind: 'addresses', addresses: Buffer.concat(this.#keys.map(({ address }) => address)) })
    setInterval(() => this.#report(), INTERVAL_MS)
  }

  take(command: Exclude<WorkerCommand, { kind: 'setup' }>): void {
    switch (command.kind) {
      case 'connect':
        this.#addresses = Buffer.from(command.addresses)
        void this.#connect()
        return
      case 'start':
        return this.#start(command.startMs)
      case 'endSending':
        return this.#dispatcher?.end()
      case 'depart':
        return this.#depart(command)
      case 'gather':
        for (const departure of this.#departures) clearTimeout(departure)
        for (const recipient of this.#recipients) recipient.gather()
        return
      case 'reopen':
        for (const mailbox of command.mailboxes) this.#recipients[mailbox - this.#setup.firstMailbox]?.reopen()
        return
      case 'mark':
        return this.#context.ledger.mark(this.#setup.worker, command.mark)
      case 'end':
        return this.#end()
      default:
        return command satisfies never
    }
  }

  #createRecipient(key: MailboxKey, i: number): Recipient {
    const { plan, firstMailbox, recipients } = this.#setup
    const isOffline = i < Math.round(plan.offlineShare * recipients)
    const isSlow = recipients - 1 - i < Math.round(plan.slowShare * recipients)
    return new Recipient(this.#context, key, firstMailbox + i, {
      slowPauseMs: isSlow ? plan.slowPauseMs : 0,
      awayMs: isOffline ? plan.offlineSeconds * 1_000 : undefined,
    })
  }

  /** Connects senders, and recipients who are not away; a bounded number at once. Tells when all are there. */
  async #connect(): Promise<void> {
    const { plan, recipients } = this.#setup
    const away = Math.round(plan.offlineShare * recipients)
    for (const recipient of this.#recipients.slice(0, away)) recipient.goAway()
    const online = this.#recipients.slice(away)
    let next = 0
    const open = async (): Promise<void> => {
      for (let recipient = online[next++]; recipient !== undefined; recipient = online[next++]) {
        const current = recipient
        await new Promise<void>((resolve) => {
          current.onDrained = resolve
          current.come()
        })
        current.onDrained = () => undefined
      }
    }
    await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, open))
    for (const sender of this.#senders) sender.connect()
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (!this.#senders.every(({ isConnected }) => isConnected)) return
        clearInterval(look)
        resolve()
      }, 10)
    })
    this.#tell({ kind: 'connected' })
  }

  #start(startMs: number): void {
    const { plan, rate, maxTtlSeconds } = this.#setup
    this.#context.measuredFromMs = startMs + plan.rampSeconds * 1_000
    this.#dispatcher = new Dispatcher(
      this.#context,
      this.#senders,
      { addresses: this.#addresses, rate, startMs, maxTtlSeconds },
      (neverSent) => {
        this.#report()
        this.#tell({ kind: 'sendingEnded', neverSent })
      },
    )
    for (const departure of plan.departures) {
      const leave = (): void => {
        this.#depart(departure)
        if (departure.everySeconds === undefined) return
        this.#departures.push(setTimeout(leave, departure.everySeconds * 1_000))
      }
      this.#departures.push(setTimeout(leave, departure.atSeconds * 1_000))
    }
  }

  #depart({ share, awaySeconds, who }: { share: number; awaySeconds: number; who: 'recipients' | 'senders' }): void {
    const all: readonly (Recipient | Sender)[] = who === 'recipients' ? this.#recipients : this.#senders
    for (const one of all) if (Math.random() < share) one.leave(awaySeconds * 1_000)
  }

  #report(): void {
    const { tallies, latencies, connections } = this.#context
    const { accept, delivery, open, drain, lag } = latencies
    const before = this.#before
    this.#before = { ...tallies }
    const interval: WorkerInterval = {
      sent: tallies.sent - before.sent,
      accepted: tallies.accepted - before.accepted,
      delivered: tallies.delivered - before.delivered,
      refused: tallies.refused - before.refused,
      accept: accept.pack(),
      delivery: delivery.pack(),
      open: open.pack(),
      drain: drain.pack(),
      lag: lag.pack(),
      health: {
        ...this.#health.take(),
        waiting: this.#dispatcher?.waiting ?? 0,
        isBlocked: this.#dispatcher?.isBlocked ?? false,
      },
      connections,
    }
    this.#tell({ kind: 'interval', interval })
  }

  #end(): void {
    this.#report()
    for (const one of [...this.#senders, ...this.#recipients]) one.end()
    this.#context.ledger.end()
    // What was said last has to get out.
    setTimeout(() => process.exit(0), 100)
  }
}

function createContext({ plan, targets, worker, runId, ledgerPath, beganMs }: WorkerSetup): WorkerContext {
  const mask = randomBytes(4)
  let connects = worker
  return {
    plan,
    targets,
    worker,
    runId: Buffer.from(runId),
    mask,
    pool: new BodyPool(Math.max(...plan.sizes), mask),
    ledger: new LedgerWriter(ledgerPath, beganMs),
    connections: { depositConnects: 0, mailboxConnects: 0, reconnects: 0, failures: 0, ends: {} },
    tallies: { sent: 0, accepted: 0, refused: 0, delivered: 0 },
    latencies: createLatencies(),
    measuredFromMs: Number.POSITIVE_INFINITY,
    nextLocalAddress: () => plan.localAddresses[connects++ % Math.max(1, plan.localAddresses.length)],
  }
}
