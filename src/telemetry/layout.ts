import {
  BUILD,
  type LabelNames,
  type LabelValue,
  type LabelValues,
  METRICS,
  type MetricKey,
  type MetricRow,
  metricRows,
} from './metrics-table.ts'

/** One metric with one value for each of its labels, and where its numbers lie. */
export interface Series {
  readonly key: MetricKey
  readonly row: MetricRow
  readonly labels: Readonly<Record<string, string>>
  /**
   * Index of its first number. A counter or gauge has one. A histogram has one for each bucket, one for what is beyond
   * the last bound, and the sum.
   */
  readonly at: number
}

/** What the table leaves open. */
export interface LayoutOptions {
  /** How many envelope sizes there are; series for others are not made. */
  readonly sizes: number
  /** Values of the labels that the build fixes. */
  readonly build: Readonly<Record<string, string>>
}

/** Every series that a relay has, and a place for each number among all of them. */
export class Layout {
  readonly series: readonly Series[]
  /** How many numbers there are. */
  readonly length: number

  constructor(options: LayoutOptions) {
    const series: Series[] = []
    let at = 0
    for (const [key, row] of metricRows) {
      for (const labels of combine(row, options)) {
        series.push({ key, row, labels, at })
        at += numbersOf(row)
      }
    }
    this.series = series
    this.length = at
  }

  /** Index of a series' first number. Looked up once, when something that counts is made. */
  at<K extends MetricKey>(key: K, labels: LabelValues<K>): number {
    const wanted = Object.entries(labels as Record<string, string>)
    const found = this.series.find(
      (series) => series.key === key && wanted.every(([name, value]) => series.labels[name] === value),
    )
    if (found === undefined) throw new RangeError(`${METRICS[key].name} has no such series`)
    return found.at
  }

  /** Index of the first number of each series of a metric with one label, by the value of that label. */
  placesOf<K extends MetricKey, L extends LabelNames<K>>(key: K, label: L): Readonly<Record<LabelValue<K, L>, number>> {
    const ofKey = this.series.filter((series) => series.key === key)
    return Object.fromEntries(ofKey.map(({ labels, at }) => [labels[label], at])) as Record<LabelValue<K, L>, number>
  }
}

function numbersOf({ bounds }: MetricRow): number {
  return bounds === undefined ? 1 : bounds.length + 2
}

function combine(row: MetricRow, { sizes, build }: LayoutOptions): Record<string, string>[] {
  let combined: Record<string, string>[] = [{}]
  for (const [name, listed] of Object.entries(row.labels)) {
    const values = listed === BUILD ? [build[name] ?? ''] : name === 'size' ? listed.slice(0, sizes) : listed
    combined = combined.flatMap((labels) => values.map((value) => ({ ...labels, [name]: value })))
  }
  return combined
}
