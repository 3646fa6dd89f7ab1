import type { Clock } from '../mailbox/ports.ts'
import type { ExpiryTally } from './expiry-tally.ts'
import { type RenderedPage, renderMetrics } from './exposition.ts'
import type { Layout } from './layout.ts'
import { ProcessFigures } from './process-figures.ts'
import { schedulePublications } from './publisher.ts'
import { stepPage, toPage } from './steps.ts'
import type { Tally } from './tally.ts'

export interface PageOptions {
  /** Whether every scrape is given the live numbers instead of published ones. */
  readonly isExact: boolean
  /** How often published values may move. */
  readonly intervalSeconds: number
  /** By how much they move. */
  readonly step: number
  readonly clock: Clock
}

/** Numbers that are asked for when they are published, in place of being counted. */
export interface Gauges {
  /** Bytes of deposits on their way to the store. */
  storeQueueBytes(): number
  /** What the store uses and may use, of its fullest node; undefined before it was asked. */
  storeMemory(): { readonly usedBytes: number; readonly limitBytes: number } | undefined
  /** Whether this instance takes traffic. */
  isReady(): boolean
  /** Settings by which the store may keep what is erased, at all of its nodes. */
  unsafeSettings(): number
  /** When the certificate ends that clients are shown, in Unix seconds; 0 without one. */
  certificateExpiry(): number
}

const NONE: Gauges = {
  storeQueueBytes: () => 0,
  storeMemory: () => undefined,
  isReady: () => false,
  unsafeSettings: () => 0,
  certificateExpiry: () => 0,
}

/**
 * What of a tally may be seen. Between two publications nothing changes, and what is published moves in steps, so that
 * whoever scrapes learns neither when within an interval something happened nor whether it happened once.
 */
export class MetricsPage {
  readonly #layout: Layout
  readonly #tally: Tally
  readonly #expiries: ExpiryTally
  readonly #options: PageOptions
  readonly #figures: ProcessFigures
  #gauges: Gauges = NONE
  #published: Float64Array
  #rendered: Promise<RenderedPage> | undefined
  #cancel = () => {}

  constructor(layout: Layout, tally: Tally, expiries: ExpiryTally, options: PageOptions) {
    this.#layout = layout
    this.#tally = tally
    this.#expiries = expiries
    this.#options = options
    this.#figures = new ProcessFigures(layout, tally)
    this.#published = new Float64Array(layout.length)
  }

  /** Publishes for the first time, and from then on at the end of every interval. */
  start(gauges: Gauges): void {
    const { clock, intervalSeconds } = this.#options
    this.#gauges = gauges
    this.#figures.start()
    this.#publish()
    this.#cancel = schedulePublications(clock, intervalSeconds * 1000, () => this.#publish())
  }

  stop(): void {
    this.#cancel()
    this.#figures.stop()
  }

  /** The page as it was published last: the same bytes until the next time. Exact metrics are those of this moment. */
  render(): Promise<RenderedPage> {
    if (this.#options.isExact) return renderMetrics(this.#layout, this.#truth())
    this.#rendered ??= renderMetrics(this.#layout, this.#published)
    return this.#rendered
  }

  #publish(): void {
    const { isExact, step } = this.#options
    if (!isExact) this.#published = stepPage(this.#layout, this.#published, this.#truth(), step)
    this.#rendered = undefined
    this.#figures.beginInterval()
  }

  #truth(): Float64Array {
    this.#figures.sample()
    this.#expiries.settle(this.#options.clock.nowMs() / 1000)
    this.#tally.set(this.#layout.at('expiredAccepted', {}), this.#expiries.pastAccepted)
    this.#tally.set(this.#layout.at('expiredAcknowledged', {}), this.#expiries.pastAcknowledged)
    this.#askGauges()
    return toPage(this.#layout, this.#tally.values)
  }
  #askGauges(): void {
    const set = (key: GaugeKey, value: number) => this.#tally.set(this.#layout.at(key, {}), value)
    const { usedBytes = 0, limitBytes = 0 } = this.#gauges.storeMemory() ?? {}
    set('storeQueue', this.#gauges.storeQueueBytes())
    set('storeMemory', usedBytes)
    set('storeMemoryLimit', limitBytes)
    set('ready', this.#gauges.isReady() ? 1 : 0)
    set('unsafeSettings', this.#gauges.unsafeSettings())
    set('certificateExpiry', this.#gauges.certificateExpiry())
  }
}

type GaugeKey = 'storeQueue' | 'storeMemory' | 'storeMemoryLimit' | 'ready' | 'unsafeSettings' | 'certificateExpiry'
