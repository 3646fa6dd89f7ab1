import type { Histogram } from 'hdr-histogram-js'
import { addPacked, createHistogram } from './latencies.ts'
import type { ConnectionCounts, WorkerHealth, WorkerInterval } from './messages.ts'

export const SERIES = ['accept', 'delivery', 'open', 'drain', 'lag'] as const
export type Series = (typeof SERIES)[number]

/** One second of all workers together. Latencies in milliseconds, undefined where nothing was measured. */
export interface Moment {
  /** Seconds since the schedule began. */
  readonly atSeconds: number
  readonly sent: number
  readonly accepted: number
  readonly refused: number
  readonly delivered: number
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
  /** Of the busiest worker, as a share of one processor. */
  readonly cpu: number
  /** Due and not sent yet. */
  readonly waiting: number
}

/** How the tester itself did, over the whole run. */
export interface TesterHealth {
  /** Share of one processor that the busiest worker used in its busiest second. */
  cpuMax: number
  /** The same on average. */
  cpuMean: number
  /** Seconds of any worker in which it used more than 90 % of a processor. */
  busySeconds: number
  /** Share of all processors of this machine that anything used, on average. */
  machineCpuMean: number
  loopDelayMaxMs: number
  /** 99th percentile of the seconds' own 99th percentiles. */
  loopDelayP99Ms: number
  memoryBytes: number
  /** Seconds in which due deposits waited for a connection or for answers. */
  blockedSeconds: number
}

const BUSY = 0.9

/** Adds up what workers measure. */
export class Measurements {
  readonly histograms: Readonly<Record<Series, Histogram>> = {
    accept: createHistogram(),
    delivery: createHistogram(),
    open: createHistogram(),
    drain: createHistogram(),
    lag: createHistogram(),
  }
  readonly moments: Moment[] = []
  readonly #second = createHistogram()
  readonly #pending = new Map<number, WorkerInterval>()
  readonly #connections = new Map<number, ConnectionCounts>()
  readonly #healths: WorkerHealth[] = []
  #isRunning = false
  #beganMs = 0

  /** The schedule begins. */
  start(): void {
    this.#isRunning = true
    this.#beganMs = performance.now()
  }

  /** What comes from now on belongs to the drain: counted, and not how the tester did. */
  stop(): void {
    this.#isRunning = false
  }

  take(worker: number, interval: WorkerInterval): void {
    for (const series of SERIES) addPacked(this.histograms[series], interval[series])
    this.#connections.set(worker, interval.connections)
    if (!this.#isRunning) return
    this.#healths.push(interval.health)
    if (this.#pending.has(worker)) this.#close()
    this.#pending.set(worker, interval)
  }

  get connections(): ConnectionCounts {
    const total: ConnectionCounts = { depositConnects: 0, mailboxConnects: 0, reconnects: 0, failures: 0, ends: {} }
    for (const one of this.#connections.values()) {
      total.depositConnects += one.depositConnects
      total.mailboxConnects += one.mailboxConnects
      total.reconnects += one.reconnects
      total.failures += one.failures
      for (const [name, count] of Object.entries(one.ends)) total.ends[name] = (total.ends[name] ?? 0) + count
    }
    return total
  }

  get health(): TesterHealth {
    const healths = this.#healths
    const sorted = healths.map(({ loopDelayP99Ms }) => loopDelayP99Ms).sort((a, b) => a - b)
    return {
      cpuMax: Math.max(0, ...healths.map(({ cpu }) => cpu)),
      cpuMean: healths.reduce((sum, { cpu }) => sum + cpu, 0) / Math.max(1, healths.length),
      busySeconds: healths.filter(({ cpu }) => cpu > BUSY).length,
      machineCpuMean: healths.reduce((sum, { machineCpu }) => sum + machineCpu, 0) / Math.max(1, healths.length),
      loopDelayMaxMs: Math.max(0, ...healths.map(({ loopDelayMaxMs }) => loopDelayMaxMs)),
      loopDelayP99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      memoryBytes: Math.max(0, ...healths.map(({ memoryBytes }) => memoryBytes)),
      blockedSeconds: healths.filter(({ isBlocked }) => isBlocked).length,
    }
  }

  /** Makes a moment of what has come since the last one. */
  #close(): void {
    const intervals = [...this.#pending.values()]
    this.#pending.clear()
    this.#second.reset()
    for (const { delivery } of intervals) addPacked(this.#second, delivery)
    const sum = (of: (interval: WorkerInterval) => number) => intervals.reduce((total, one) => total + of(one), 0)
    const percentile = (of: number) =>
      this.#second.totalCount > 0 ? this.#second.getValueAtPercentile(of) / 1_000 : undefined
    this.moments.push({
      atSeconds: (performance.now() - this.#beganMs) / 1_000,
      sent: sum(({ sent }) => sent),
      accepted: sum(({ accepted }) => accepted),
      refused: sum(({ refused }) => refused),
      delivered: sum(({ delivered }) => delivered),
      p50Ms: percentile(50),
      p99Ms: percentile(99),
      cpu: Math.max(0, ...intervals.map(({ health }) => health.cpu)),
      waiting: sum(({ health }) => health.waiting),
    })
  }
}
