import { build, type Histogram } from 'hdr-histogram-js'

/** Longest time that is told apart, in microseconds: an hour. */
const MAX_US = 3_600_000_000

/** A histogram as it goes from process to process: values in microseconds, and how often each occurred. */
export type PackedHistogram = Float64Array

/** An empty histogram of microseconds, exact to three digits. */
export function createHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: MAX_US,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
    autoResize: false,
  })
}

/** Times of one interval, which is packed and begun anew. */
export class Latencies {
  #counts = new Map<number, number>()

  /** @param ms at most an hour; what is longer counts as an hour, what is negative as nothing */
  record(ms: number): void {
    const us = quantize(Math.min(MAX_US, Math.max(0, ms * 1_000)))
    this.#counts.set(us, (this.#counts.get(us) ?? 0) + 1)
  }

  pack(): PackedHistogram {
    const packed = new Float64Array(this.#counts.size * 2)
    let at = 0
    for (const [value, count] of this.#counts) {
      packed[at++] = value
      packed[at++] = count
    }
    this.#counts = new Map()
    return packed
  }
}

/** Three digits, as the histogram keeps them anyway: so few values differ that a map is small. */
function quantize(us: number): number {
  if (us < 1_024) return Math.round(us)
  const step = 2 ** (Math.floor(Math.log2(us)) - 9)
  return Math.round(us / step) * step
}

export function addPacked(histogram: Histogram, packed: PackedHistogram): void {
  for (let i = 0; i + 1 < packed.length; i += 2) {
    histogram.recordValueWithCount(Math.min(MAX_US, packed[i] as number), packed[i + 1] as number)
  }
}
