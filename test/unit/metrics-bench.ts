import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import type { Gauges } from '../../src/telemetry/metrics-page.ts'
import { createManualClock, type ManualClock } from '../_util/manual-clock.ts'
import { parseMetricsPage } from '../_util/metrics-page.ts'
import type { Test } from '../_util/tap.ts'

/** Metrics with a clock that stands still until it is moved. */
export interface MetricsBench extends Metrics {
  readonly clock: ManualClock
  /** The page as it is served. */
  text(): Promise<string>
  /** One number on it. */
  value(sample: string): Promise<number | undefined>
  samples(): Promise<Map<string, number>>
}

export interface BenchOptions {
  step?: number
  intervalSeconds?: number
  isExact?: boolean
  startMs?: number
  /** What is asked for when it is published; each is nothing where it is left out. */
  gauges?: Partial<Gauges>
}

const NO_GAUGES: Gauges = {
  storeQueueBytes: () => 0,
  storeMemory: () => undefined,
  isReady: () => false,
  unsafeSettings: () => 0,
  certificateExpiry: () => 0,
}

/** 20.5 s after a full minute. */
export const START_MS = Date.UTC(2026, 10, 23, 12, 0, 20, 500)

/** Starts metrics of two envelope sizes. */
export function startMetrics(t: Pick<Test, 'teardown'>, options: BenchOptions = {}): MetricsBench {
  const { step = 16, intervalSeconds = 60, isExact = false, startMs = START_MS, gauges } = options
  const clock = createManualClock(startMs)
  const version = { version: '1.2.3', commit: 'abc' }
  const metrics = createMetrics({ sizes: 2, maxConnections: 1000, isExact, step, intervalSeconds, version, clock })
  metrics.start({ ...NO_GAUGES, ...gauges })
  t.teardown(() => metrics.stop())
  const text = async () => (await metrics.render()).text
  const samples = async () => parseMetricsPage(await text())
  return { ...metrics, clock, text, samples, value: async (sample) => (await samples()).get(sample) }
}

export const ACCEPTED = 'lethe_deposits_total{result="accepted",size="0"}'
