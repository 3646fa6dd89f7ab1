import { cpus } from 'node:os'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { WorkerHealth } from './messages.ts'

const RESOLUTION_MS = 10

/** How this process fares: its share of a processor, and how late its timers run. */
export class Health {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  #cpu = process.cpuUsage()
  #machine = machineTimes()
  #sinceMs = performance.now()

  constructor() {
    this.#delay.enable()
  }

  /** What was since the last call. */
  take(): Omit<WorkerHealth, 'waiting' | 'isBlocked'> {
    const nowMs = performance.now()
    const { user, system } = process.cpuUsage(this.#cpu)
    const cpu = (user + system) / 1_000 / Math.max(1, nowMs - this.#sinceMs)
    const [p99, max] = [this.#delay.percentile(99), this.#delay.max]
    const before = this.#machine
    this.#cpu = process.cpuUsage()
    this.#machine = machineTimes()
    this.#sinceMs = nowMs
    this.#delay.reset()
    const allMs = this.#machine.allMs - before.allMs
    return {
      cpu,
      machineCpu: allMs > 0 ? 1 - (this.#machine.idleMs - before.idleMs) / allMs : 0,
      loopDelayP99Ms: lateness(p99),
      loopDelayMaxMs: lateness(max),
      memoryBytes: process.memoryUsage.rss(),
    }
  }
}

/** Node counts the interval itself as delay. */
function lateness(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) : 0
}

/** Processor time of the whole machine since it started, in milliseconds. */
function machineTimes(): { allMs: number; idleMs: number } {
  let allMs = 0
  let idleMs = 0
  for (const { times } of cpus()) {
    allMs += times.user + times.nice + times.sys + times.irq + times.idle
    idleMs += times.idle
  }
  return { allMs, idleMs }
}
