import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RelayInfo } from '../client/index.ts'
import type { Account } from './account.ts'
import { monotonicMs } from './clock.ts'
import { LedgerClient } from './ledger-client.ts'
import { Measurements } from './measurements.ts'
import type { WorkerCommand, WorkerMessage } from './messages.ts'
import { checkPlan, DEFAULT_PLAN, type LoadPlan, PlanError } from './plan.ts'
import { type Channel, startLedger, startWorker } from './processes.ts'
import { askRelay } from './relay-facts.ts'
import { createReport, type Report } from './report.ts'
import { MIN_ENVELOPE_BYTES, RUN_ID_BYTES } from './stamp.ts'
import { type Target, targetOf } from './target.ts'

/** What is not part of the plan, and only who drives a run by a program needs. */
export interface RunOptions {
  /** Command that each worker is started by, for example `['ip', 'netns', 'exec', 'clients']`. */
  readonly workerLauncher?: readonly string[]
  /** The same for the ledger. */
  readonly ledgerLauncher?: readonly string[]
  /** Told about once a second while the schedule runs, and during the drain. */
  readonly onProgress?: (progress: Progress) => void
}

/** How far a run is. */
export interface Progress {
  readonly phase: Phase
  /** Seconds since the schedule began; 0 before. */
  readonly atSeconds: number
  readonly account: Account
  readonly measurements: Measurements
}

export type Phase = 'connecting' | 'sending' | 'draining' | 'ended'

const SETTLE_MS = 300
const CALM_MS = 1_000
const LOOK_MS = 100
const MARK_TIMEOUT_MS = 3_000
const PROGRESS_MS = 1_000
const LEAD_MS = 50

interface WorkerState {
  readonly channel: Channel<WorkerCommand, WorkerMessage>
  readonly index: number
  addresses: Uint8Array | undefined
  isConnected: boolean
  isDone: boolean
  hasEnded: boolean
  neverSent: number
}

/** A load test that runs. */
export class LoadRun {
  readonly plan: LoadPlan
  readonly measurements = new Measurements()
  /** Process ids, for whoever has to tell them from what is being tested. */
  readonly workerPids: readonly number[]
  readonly ledgerPid: number
  /** Resolves with the report; rejects where the run could not be carried to its end. */
  readonly finished: Promise<Report>
  readonly #options: RunOptions
  readonly #targets: readonly Target[]
  readonly #infos: readonly RelayInfo[]
  readonly #workers: readonly WorkerState[]
  readonly #ledgerProcess: ReturnType<typeof startLedger>
  readonly #ledger: LedgerClient
  readonly #folder = mkdtempSync(join(tmpdir(), 'lethe-load-'))
  readonly #beganMs = monotonicMs()
  readonly #changes = new Set<() => void>()
  #phase: Phase = 'connecting'
  #startedMs: number | undefined
  #marks = 0
  #isStopped = false

  /** Use `startLoad`. */
  constructor(plan: LoadPlan, targets: readonly Target[], infos: readonly RelayInfo[], options: RunOptions) {
    this.plan = plan
    this.#targets = targets
    this.#infos = infos
    this.#options = options
    this.#ledgerProcess = startLedger(options.ledgerLauncher)
    this.#ledger = new LedgerClient(this.#ledgerProcess)
    this.#workers = Array.from({ length: plan.workers }, (_, index) => this.#startWorker(index))
    this.workerPids = this.#workers.map(({ channel }) => channel.pid)
    this.ledgerPid = this.#ledgerProcess.pid
    this.finished = this.#run()
    this.finished.catch(() => undefined)
  }

  get phase(): Phase {
    return this.#phase
  }

  /** Ends sending now; the drain and the report follow. Resolves with the report. */
  stop(): Promise<Report> {
    this.#isStopped = true
    this.#tellAll({ kind: 'endSending' })
    this.#changed()
    return this.finished
  }

  /** What became of everything so far. Nothing is called lost before the end. */
  async account(): Promise<Account> {
    await this.#flush()
    return (await this.#ledger.account(this.#phase === 'ended')).account
  }

  /** Indices of mailboxes that something accepted has not come to yet. Those of recipients who are away are the first. */
  async owed(): Promise<readonly number[]> {
    return await this.#ledger.owed()
  }

  /** Has a random part of the recipients or senders lose their connections, and come back after that time. */
  depart(share: number, awaySeconds: number, who: 'recipients' | 'senders' = 'recipients'): void {
    this.#tellAll({ kind: 'depart', share, awaySeconds, who })
  }

  /** Resolves when the schedule has begun. */
  async started(): Promise<void> {
    await this.#until(() => this.#startedMs !== undefined || this.#phase === 'ended')
  }

  #startWorker(index: number): WorkerState {
    const channel = startWorker(this.#options.workerLauncher)
    const state: WorkerState = {
      channel,
      index,
      addresses: undefined,
      isConnected: false,
      isDone: false,
      hasEnded: false,
      neverSent: 0,
    }
    channel.onMessage((message) => {
      this.#take(state, message)
      this.#changed()
    })
    void channel.ended.then(() => {
      state.hasEnded = true
      this.#changed()
    })
    return state
  }

  #take(state: WorkerState, message: WorkerMessage): void {
    switch (message.kind) {
      case 'addresses':
        state.addresses = message.addresses
        return
      case 'connected':
        state.isConnected = true
        return
      case 'interval':
        return this.measurements.take(state.index, message.interval)
      case 'sendingEnded':
        state.isDone = true
        state.neverSent = message.neverSent
        return
      default:
        return message satisfies never
    }
  }

  async #run(): Promise<Report> {
    const ticker = setInterval(() => void this.#tellProgress(), PROGRESS_MS)
    try {
      await this.#connect()
      if (!this.#isStopped) await this.#send()
      await this.#drain()
      const deadWorkers = this.#workers.filter(({ hasEnded }) => hasEnded).length
      this.#phase = 'ended'
      await this.#endWorkers()
      const { account } = await this.#ledger.account(true)
      return createReport({
        plan: this.plan,
        infos: this.#infos,
        account,
        measurements: this.measurements,
        neverSent: this.#workers.reduce((sum, { neverSent }) => sum + neverSent, 0),
        isStopped: this.#isStopped,
        deadWorkers,
      })
    } finally {
      clearInterval(ticker)
      this.#phase = 'ended'
      this.#changed()
      await this.#end()
    }
  }

  async #connect(): Promise<void> {
    const path = join(this.#folder, 'ledger')
    await this.#ledger.listen(path, this.#beganMs)
    const { plan } = this
    const runId = randomBytes(RUN_ID_BYTES)
    const maxTtlSeconds = Math.min(...this.#infos.map(({ maxTtl }) => maxTtl))
    let firstMailbox = 0
    for (const { channel, index } of this.#workers) {
      const recipients = partOf(plan.recipients, plan.workers, index)
      const senders = partOf(plan.senders, plan.workers, index)
      const common = { plan, targets: this.#targets, runId, maxTtlSeconds, ledgerPath: path, beganMs: this.#beganMs }
      const rate = plan.rate / plan.workers
      channel.send({ kind: 'setup', setup: { ...common, worker: index, firstMailbox, recipients, senders, rate } })
      firstMailbox += recipients
    }
    await this.#until(() => this.#workers.every(({ addresses }) => addresses !== undefined))
    const addresses = Buffer.concat(this.#workers.map((worker) => worker.addresses as Uint8Array))
    this.#tellAll({ kind: 'connect', addresses })
    await this.#until(() => this.#isStopped || this.#workers.every(({ isConnected }) => isConnected))
    // Nobody else will come. Whoever ends the test without mercy then leaves nothing behind.
    if (!this.#isStopped) rmSync(this.#folder, { recursive: true, force: true })
  }

  async #send(): Promise<void> {
    this.#phase = 'sending'
    const startMs = monotonicMs() + LEAD_MS
    this.#tellAll({ kind: 'start', startMs })
    this.measurements.start()
    this.#startedMs = startMs
    this.#changed()
    await this.#until(() => this.#workers.every(({ isDone, hasEnded }) => isDone || hasEnded), true)
    this.measurements.stop()
  }

  /** Brings everybody to their mailboxes until nothing is owed any more, or it is shown that it is lost. */
  async #drain(): Promise<void> {
    this.#phase = 'draining'
    const untilMs = monotonicMs() + this.plan.drainSeconds * 1_000
    this.#tellAll({ kind: 'gather' })
    let reopenedMs: number | undefined
    while (monotonicMs() < untilMs) {
      await this.#flush()
      const { account, quietMs } = await this.#ledger.account(false)
      if (account.outstanding === 0) break
      const isQuiet = quietMs > CALM_MS
      if (reopenedMs === undefined && isQuiet) {
        reopenedMs = monotonicMs() - this.#beganMs
        this.#tellAll({ kind: 'reopen', mailboxes: await this.#ledger.owed() })
      } else if (reopenedMs !== undefined && isQuiet && (await this.#ledger.isReadSince(reopenedMs))) break
      await sleep(LOOK_MS)
    }
    // What comes twice, comes after the first.
    await sleep(SETTLE_MS)
    await this.#flush()
  }

  /** Resolves when the ledger has noted all that workers know; of one that does not answer, what it has told. */
  async #flush(): Promise<void> {
    const mark = ++this.#marks
    const marked = this.#workers
      .filter(({ hasEnded }) => !hasEnded)
      .map(({ index, channel }) => {
        const noted = this.#ledger.marked(index, mark)
        channel.send({ kind: 'mark', mark })
        return noted
      })
    const patience = new AbortController()
    await Promise.race([
      Promise.all(marked),
      sleep(MARK_TIMEOUT_MS, undefined, { signal: patience.signal }).catch(() => undefined),
    ])
    patience.abort()
  }

  async #tellProgress(): Promise<void> {
    const { onProgress } = this.#options
    if (onProgress === undefined || this.#phase === 'ended') return
    const { account } = await this.#ledger.account(false)
    if (this.phase === 'ended') return
    const atSeconds = this.#startedMs === undefined ? 0 : (monotonicMs() - this.#startedMs) / 1_000
    onProgress({ phase: this.#phase, atSeconds, account, measurements: this.measurements })
  }

  /** Workers tell what they measured last, and end. */
  async #endWorkers(): Promise<void> {
    this.#tellAll({ kind: 'end' })
    const all = Promise.all(this.#workers.map(({ channel }) => channel.ended))
    const patience = new AbortController()
    await Promise.race([all, sleep(MARK_TIMEOUT_MS, undefined, { signal: patience.signal }).catch(() => undefined)])
    patience.abort()
  }

  async #end(): Promise<void> {
    const all = [...this.#workers.map(({ channel }) => channel), this.#ledgerProcess]
    for (const channel of all) channel.kill()
    await Promise.all(all.map(({ ended }) => ended))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #tellAll(command: WorkerCommand): void {
    for (const { channel } of this.#workers) channel.send(command)
  }

  #changed(): void {
    for (const change of [...this.#changes]) change()
  }

  /** @throws Error where all workers are gone, or where one is and all are needed */
  #until(condition: () => boolean, mayLoseSome = false): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const gone = this.#workers.filter(({ hasEnded }) => hasEnded).length
        const isHopeless = gone === this.#workers.length || (gone > 0 && !mayLoseSome)
        const isSo = condition()
        if (!isSo && !isHopeless) return
        this.#changes.delete(look)
        if (isSo) resolve()
        else reject(new Error(`${gone} of ${this.#workers.length} workers ended before the test did`))
      }
      this.#changes.add(look)
      look()
    })
  }
}

/** Whole numbers that add up to `total`. */
function partOf(total: number, parts: number, index: number): number {
  return Math.floor(total / parts) + (index < total % parts ? 1 : 0)
}

/**
 * Asks all relays what they take, and begins.
 * @param given what differs from `DEFAULT_PLAN`
 * @throws PlanError; ClientError where a relay does not answer
 */
export async function startLoad(given: Partial<LoadPlan>, options: RunOptions = {}): Promise<LoadRun> {
  const asked = { ...DEFAULT_PLAN, ...given }
  checkPlan(asked)
  const infos = await Promise.all(asked.urls.map((url) => askRelay(url, asked.ca)))
  const common = (infos[0] as RelayInfo).envelopeBytes.filter((size) =>
    infos.every(({ envelopeBytes }) => envelopeBytes.includes(size)),
  )
  const plan = { ...asked, sizes: asked.sizes.length > 0 ? asked.sizes : common.slice(0, 1) }
  for (const size of plan.sizes) {
    if (!common.includes(size)) throw new PlanError('sizes', `the relay takes envelopes of ${common.join(', ')} bytes`)
  }
  if (Math.min(...plan.sizes) < MIN_ENVELOPE_BYTES)
    throw new PlanError('sizes', `an envelope needs ${MIN_ENVELOPE_BYTES} bytes to be told from others`)
  const targets = asked.urls.map((url, i) => targetOf(url, infos[i]?.publicOrigins ?? [], asked.ca))
  return new LoadRun(plan, targets, infos, options)
}
