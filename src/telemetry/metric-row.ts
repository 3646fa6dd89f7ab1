/** One metric, whole: from this it is made, published and documented. */
export interface MetricRow {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** One sentence or two, for people. */
  readonly help: string
  /** What one of it is. */
  readonly unit: string
  /** Every value that each label can have; BUILD where the value is fixed when the software is built. */
  readonly labels: Readonly<Record<string, readonly string[] | typeof BUILD>>
  /** Upper bounds of a histogram's buckets. */
  readonly bounds?: readonly number[]
  /**
   * What counts as one. Published values move by LETHE_METRICS_STEP times this; of a histogram it is the sum that does,
   * while its buckets and count move by LETHE_METRICS_STEP. 0: published as it is, since nobody's traffic moves it.
   */
  readonly grain: number
}

/** Stands for the values of a label that the build fixes. */
export const BUILD = 'from the build'
