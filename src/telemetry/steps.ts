import type { Layout, Series } from './layout.ts'

/**
 * The next published value of a counter: the last multiple of `quantum` that the truth has reached, and never less than
 * what was published before.
 */
export function stepCounter(published: number, truth: number, quantum: number): number {
  return Math.max(published, Math.floor(truth / quantum) * quantum)
}

/**
 * The next published value of a gauge, a multiple of `quantum`. It moves only when the truth is a whole `quantum` away
 * from it: plain rounding would show somebody who holds it at the edge every arrival and every departure.
 */
export function stepGauge(published: number, truth: number, quantum: number): number {
  if (Math.abs(truth - published) < quantum) return published
  return (truth > published ? Math.floor(truth / quantum) : Math.ceil(truth / quantum)) * quantum
}

/**
 * What is on the page: the numbers of the layout, with buckets that count all smaller values too.
 * @param live numbers of a tally
 */
export function toPage({ series, length }: Layout, live: Float64Array): Float64Array {
  const page = Float64Array.from(live.subarray(0, length))
  for (const { row, at } of series) {
    const buckets = row.bounds?.length ?? 0
    for (let i = at + 1; i <= at + buckets; i++) page[i] = (page[i] as number) + (page[i - 1] as number)
  }
  return page
}

/**
 * The page that may be seen in place of the true one.
 * @param published the page that was seen before; all zeros at first
 * @param step LETHE_METRICS_STEP
 */
export function stepPage(layout: Layout, published: Float64Array, truth: Float64Array, step: number): Float64Array {
  const next = Float64Array.from(truth)
  for (const series of layout.series) {
    if (series.row.grain > 0) stepSeries(series, published, next, step)
  }
  return next
}

function stepSeries({ row, at }: Series, published: Float64Array, next: Float64Array, step: number): void {
  const move = row.type === 'gauge' ? stepGauge : stepCounter
  const last = at + (row.bounds === undefined ? 0 : row.bounds.length + 1)
  for (let i = at; i < last; i++) next[i] = move(published[i] as number, next[i] as number, step)
  next[last] = move(published[last] as number, next[last] as number, step * row.grain)
}
