/** When deposits are due. */
export interface ArrivalsOptions {
  /** Arrivals a second once the ramp is over. */
  readonly rate: number
  readonly rampSeconds: number
  readonly arrivals: 'poisson' | 'fixed'
  /** Numbers from 0 to below 1. */
  readonly random: () => number
}

/**
 * An open-loop schedule: when the next deposit is due depends on the clock and on nothing that a relay does. The rate
 * rises in a line from 0 during the ramp.
 */
export class Arrivals {
  readonly #options: ArrivalsOptions
  /** Expected number of arrivals up to the next one. */
  #position: number

  constructor(options: ArrivalsOptions) {
    this.#options = options
    // Workers with equal intervals must not all send in the same moment.
    this.#position = options.arrivals === 'fixed' ? options.random() : this.#step()
  }

  /** Milliseconds from the start to the next arrival. */
  get nextMs(): number {
    const { rate, rampSeconds } = this.#options
    const inRamp = (rate * rampSeconds) / 2
    const seconds =
      this.#position < inRamp
        ? Math.sqrt((2 * rampSeconds * this.#position) / rate)
        : this.#position / rate + rampSeconds / 2
    return seconds * 1_000
  }

  advance(): void {
    this.#position += this.#options.arrivals === 'fixed' ? 1 : this.#step()
  }

  #step(): number {
    return -Math.log(1 - this.#options.random())
  }
}
