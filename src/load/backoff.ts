const MIN_MS = 50
const MAX_MS = 2_000

/** Pauses between attempts to connect: double each time, drawn between half and all of it. */
export class ConnectBackoff {
  #failures = 0

  /** Milliseconds until the next attempt. */
  fail(): number {
    const ceilingMs = Math.min(MAX_MS, MIN_MS * 2 ** Math.min(this.#failures, 10))
    this.#failures++
    return ceilingMs * (0.5 + Math.random() / 2)
  }

  succeed(): void {
    this.#failures = 0
  }
}
