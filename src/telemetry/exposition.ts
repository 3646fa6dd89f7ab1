import { type Metric, Registry } from 'prom-client'
import type { Layout, Series } from './layout.ts'
import { type MetricKey, metricRows } from './metrics-table.ts'

/** A page of metrics as it is served. */
export interface RenderedPage {
  readonly contentType: string
  readonly text: string
}

interface Sample {
  metricName: string
  labels: Readonly<Record<string, string>>
  value: number
}

/** Writes a page in Prometheus' text form. The only place of prom-client. */
export async function renderMetrics(layout: Layout, page: Float64Array): Promise<RenderedPage> {
  const registry = new Registry()
  for (const [key, { name, help, type }] of metricRows) {
    const metric = { name, help, type, get: async () => ({ name, help, type, values: samplesOf(layout, key, page) }) }
    // The registry asks of a metric what is here; its own classes count, which is done elsewhere.
    registry.registerMetric(metric as unknown as Metric)
  }
  return { contentType: registry.contentType, text: await registry.metrics() }
}

function samplesOf({ series }: Layout, key: MetricKey, page: Float64Array): Sample[] {
  return series.filter((one) => one.key === key).flatMap((one) => samplesOfSeries(one, page))
}

function samplesOfSeries({ row: { name, bounds }, labels, at }: Series, page: Float64Array): Sample[] {
  const value = (offset: number) => page[at + offset] as number
  if (bounds === undefined) return [{ metricName: name, labels, value: value(0) }]
  const les = [...bounds.map(String), '+Inf']
  return [
    ...les.map((le, i) => ({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: value(i) })),
    { metricName: `${name}_sum`, labels, value: value(bounds.length + 1) },
    { metricName: `${name}_count`, labels, value: value(bounds.length) },
  ]
}
