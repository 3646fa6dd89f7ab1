import type { Clock } from '../mailbox/ports.ts'

const TICK_MS = 100

/** Ticks in a second. */
export const TICKS_PER_SECOND = 1000 / TICK_MS

/**
 * Time in ticks, as buckets need it: read without a call into the system, and no wrong clock moves it. While the process
 * stands still no tick passes, so that nobody gains from a relay that is held up.
 */
export class Ticks {
  now = 0
  readonly #stop: () => void

  constructor(clock: Clock) {
    this.#stop = clock.every(TICK_MS, () => {
      this.now++
    })
  }

  stop(): void {
    this.#stop()
  }
}
