import type { Layout } from './layout.ts'

/** The numbers as they are, live. Counting is an addition in an array: no lookup, no allocation. */
export class Tally {
  readonly #values: Float64Array

  constructor(layout: Layout) {
    this.#values = new Float64Array(layout.length)
  }

  /** The numbers by their places in the layout, each bucket of a histogram on its own. To be read only. */
  get values(): Float64Array {
    return this.#values
  }

  add(at: number, amount: number): void {
    this.#values[at] = (this.#values[at] as number) + amount
  }

  set(at: number, value: number): void {
    this.#values[at] = value
  }

  /**
   * Takes one value into a histogram.
   * @param at its first number
   * @param bounds upper bounds of its buckets
   */
  observe(at: number, bounds: readonly number[], value: number): void {
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
    this.add(at + bucket, 1)
    this.add(at + bounds.length + 1, value)
  }
}
