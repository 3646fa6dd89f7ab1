import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Layout } from './layout.ts'
import type { Tally } from './tally.ts'

/** The event loop is looked at this often; Node's figures hold this time besides the delay. */
const RESOLUTION_MS = 20
const NANOSECONDS = 1e9
const MICROSECONDS = 1e6

const GC_KINDS = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
} as const

/** What the process takes: CPU, memory, garbage collection, and how late its event loop runs. */
export class ProcessFigures {
  readonly #layout: Layout
  readonly #tally: Tally
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #collections: PerformanceObserver

  constructor(layout: Layout, tally: Tally) {
    this.#layout = layout
    this.#tally = tally
    const places = new Map(
      Object.entries(GC_KINDS).map(([id, kind]) => [Number(id), layout.at('garbageCollection', { kind })]),
    )
    this.#collections = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { kind } = (entry as unknown as { detail: { kind: number } }).detail
        const at = places.get(kind)
        if (at !== undefined) tally.add(at, entry.duration / 1000)
      }
    })
  }

  start(): void {
    this.#tally.set(this.#layout.at('processStart', {}), Math.floor(performance.timeOrigin / 1000))
    this.#tally.set(this.#layout.at('heapLimit', {}), getHeapStatistics().heap_size_limit)
    this.#delay.enable()
    this.#collections.observe({ entryTypes: ['gc'] })
  }

  stop(): void {
    this.#delay.disable()
    this.#collections.disconnect()
  }

  /** Takes the figures of this moment into the tally. */
  sample(): void {
    const { user, system } = process.cpuUsage()
    const { rss, heapUsed } = process.memoryUsage()
    this.#tally.set(this.#layout.at('processCpu', {}), (user + system) / MICROSECONDS)
    this.#tally.set(this.#layout.at('processMemory', {}), rss)
    this.#tally.set(this.#layout.at('heap', {}), heapUsed)
    this.#sampleDelay()
  }

  /** From now on the event loop's figures are those of a new interval. */
  beginInterval(): void {
    this.#delay.reset()
  }

  #sampleDelay(): void {
    const delay = this.#delay
    if (delay.count === 0) return
    const nanoseconds = { mean: delay.mean, p50: delay.percentile(50), p99: delay.percentile(99), max: delay.max }
    for (const [statistic, value] of Object.entries(nanoseconds) as [keyof typeof nanoseconds, number][]) {
      const seconds = value / NANOSECONDS - RESOLUTION_MS / 1000
      this.#tally.set(this.#layout.at('eventLoopDelay', { statistic }), Math.max(0, seconds))
    }
  }
}
