import type { Clock } from './ports.ts'

/** A connection that sends, as far as the bound on deposits in hand goes. */
export interface Sender {
  /** Deposits of it that are in hand. */
  inHand: number
}

export interface IntakeParts {
  /** LETHE_MAX_WAIT_MS: a deposit that would have to wait for longer is refused at once. */
  maxWaitMs: number
  clock: Clock
  /** Milliseconds that no clock which is set can move; those of this process where it is left out. */
  elapsedMs?: () => number
}

/** What is known of the relay's speed is corrected this often. */
const WINDOW_MS = 50
/** What was seen in about so long counts; of one window, half at most. */
const MEMORY_MS = 400
/** What a relay is taken to do in a millisecond until it has had more to do than it could. */
const START_PER_MS = 5
/** So many may be in hand however slow the store is: it is given one batch while it works on another. */
const LEAST_IN_HAND = 64
/** Bytes of deposits that may be on their way to the store at once, over all senders. */
export const MAX_INTAKE_BYTES = 64_000_000

/**
 * Bounds the deposits in hand: those that were begun and are not answered yet. How long one more would have to wait is how
 * many there are by how many are done in a millisecond, so there may be as many as are done in the longest wait allowed.
 * What a slow store, slow replicas or a busy processor do shows in that one figure; by how much the event loop is late is
 * taken off the wait, since a deposit has waited about as long before anybody saw it.
 *
 * Fair between connections: each may have as many in hand as are still free. One alone has half of all, a hundred have a
 * hundredth each, and whoever comes then finds as much.
 */
export class Intake {
  readonly #maxWaitMs: number
  readonly #clock: Clock
  readonly #elapsedMs: () => number
  #inHand = 0
  #bytes = 0
  #perMs = START_PER_MS
  #limit: number
  /** Whose deposits were answered in this turn of the event loop. */
  readonly #settled: Sender[] = []
  #isWatching = false
  /** Of the window that is under way. */
  #beganMs = 0
  #done = 0
  #hasRefused = false
  #wasShort = false

  constructor({ maxWaitMs, clock, elapsedMs = () => performance.now() }: IntakeParts) {
    this.#maxWaitMs = maxWaitMs
    this.#clock = clock
    this.#elapsedMs = elapsedMs
    this.#limit = this.#limitAt(0)
  }

  /** Bytes of deposits that are on their way to the store. */
  get bytes(): number {
    return this.#bytes
  }

  /** Takes a deposit in hand, which is to be settled; or gives false: it would have to wait for too long. */
  admit(sender: Sender, bytes: number): boolean {
    if (sender.inHand >= this.#limit - this.#inHand || this.#bytes + bytes > MAX_INTAKE_BYTES) {
      this.#hasRefused = true
      return false
    }
    sender.inHand++
    this.#inHand++
    this.#bytes += bytes
    if (!this.#isWatching) this.#watch()
    return true
  }

  /** A deposit that was admitted is answered. @param isDone whether the store has dealt with it, and did not fail */
  settle(sender: Sender, bytes: number, isDone: boolean): void {
    this.#bytes -= bytes
    if (isDone) this.#done++
    if (this.#settled.push(sender) === 1) setImmediate(this.#release)
  }

  // Not before the turn is over: a store in this process answers at once, and what a turn may take in has to end somewhere
  // for those who come after it.
  readonly #release = (): void => {
    this.#inHand -= this.#settled.length
    for (const sender of this.#settled) sender.inHand--
    this.#settled.length = 0
    if (this.#inHand < LEAST_IN_HAND) this.#wasShort = true
  }

  #watch(): void {
    this.#isWatching = true
    this.#beganMs = this.#elapsedMs()
    this.#done = 0
    this.#hasRefused = false
    this.#wasShort = this.#inHand < LEAST_IN_HAND
    this.#clock.after(WINDOW_MS, this.#endWindow)
  }

  readonly #endWindow = (): void => {
    const tookMs = Math.max(WINDOW_MS, this.#elapsedMs() - this.#beganMs)
    const isLate = tookMs > 2 * WINDOW_MS && this.#done >= LEAST_IN_HAND
    const hadEnough = this.#hasRefused || isLate || !this.#wasShort
    const shown = this.#done / tookMs
    // Who had less to do than it could has not shown how fast it is, except that it is as fast as this; and that it has
    // done all there was makes what was seen before of a slower time void.
    const target = hadEnough ? shown : Math.max(shown, START_PER_MS)
    const weight = Math.min(1 / 2, tookMs / MEMORY_MS)
    if (hadEnough || target > this.#perMs) this.#perMs += (target - this.#perMs) * weight
    if (this.#inHand > 0 || this.#done > 0 || this.#hasRefused) {
      this.#limit = this.#limitAt(tookMs - WINDOW_MS)
      return this.#watch()
    }
    this.#isWatching = false
    this.#perMs = Math.max(this.#perMs, START_PER_MS)
    this.#limit = this.#limitAt(0)
  }

  #limitAt(lateMs: number): number {
    // At half of the wait what is seen late and what waits after that are as much.
    const waitMs = this.#maxWaitMs - Math.min(lateMs, this.#maxWaitMs / 2)
    return Math.max(LEAST_IN_HAND, Math.floor(this.#perMs * waitMs))
  }
}
