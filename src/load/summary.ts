import type { Histogram } from 'hdr-histogram-js'

export const PERCENTILES = [50, 75, 90, 95, 99, 99.9, 99.99] as const

/** Milliseconds by percentile: `p50`, `p99.9`, and the longest. */
export interface LatencySummary {
  readonly count: number
  readonly meanMs: number
  readonly percentilesMs: Readonly<Record<string, number>>
  readonly maxMs: number
  /** Points of the whole distribution: share of all, and milliseconds that it stays within. */
  readonly curve: readonly (readonly [share: number, ms: number])[]
}

const CURVE_SHARES = [
  0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.98, 0.99, 0.995, 0.998, 0.999,
  0.9995, 0.9999, 0.99999,
]

export function summarize(histogram: Histogram): LatencySummary {
  const count = histogram.totalCount
  const at = (percentile: number) => (count > 0 ? histogram.getValueAtPercentile(percentile) / 1_000 : 0)
  return {
    count,
    meanMs: count > 0 ? histogram.mean / 1_000 : 0,
    percentilesMs: Object.fromEntries(PERCENTILES.map((percentile) => [`p${percentile}`, at(percentile)])),
    maxMs: count > 0 ? histogram.maxValue / 1_000 : 0,
    curve: CURVE_SHARES.map((share) => [share, at(share * 100)] as const),
  }
}
