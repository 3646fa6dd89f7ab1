const ACCEPTED = 1
const DELIVERED = 2

/** What came of the envelopes that were sent. */
export interface Outcome {
  sent: number
  accepted: number
  refused: number
  delivered: number
  duplicated: number
  misdelivered: number
}

/** Every envelope by its number: when it was due, and what has come back for it. */
export class Ledger {
  readonly outcome: Outcome = { sent: 0, accepted: 0, refused: 0, delivered: 0, duplicated: 0, misdelivered: 0 }
  readonly #recipients: number
  #dueMs = new Float64Array(1 << 16)
  #states = new Uint8Array(1 << 16)
  #places = new Uint32Array(1 << 16)
  #latenciesMs: Float64Array | undefined
  #latencyCount = 0

  constructor(recipients: number) {
    this.#recipients = recipients
  }

  recipientOf(number: number): number {
    return number % this.#recipients
  }

  /** Gives the next number. @param dueMs when it should have been sent @param place which sender and slot it has */
  send(dueMs: number, place: number): number {
    const number = this.outcome.sent++
    if (number === this.#states.length) this.#grow()
    this.#dueMs[number] = dueMs
    this.#places[number] = place
    return number
  }

  /**
   * The server has answered.
   * @param isEnd whether this is all that happens to the envelope, as nobody receives
   * @returns whether the envelope is done with
   */
  answer(number: number, isAccepted: boolean, isEnd: boolean): boolean {
    const state = this.#states[number] as number
    if (!isAccepted) {
      this.outcome.refused++
      return true
    }
    this.#states[number] = state | ACCEPTED
    this.outcome.accepted++
    if (isEnd) this.#recordLatency(number)
    return isEnd || (state & DELIVERED) !== 0
  }

  /** @returns the place that the envelope was sent from where it is free now, otherwise -1 */
  deliver(number: number, recipient: number): number {
    const state = this.#states[number] as number
    if (number >= this.outcome.sent || number % this.#recipients !== recipient) {
      this.outcome.misdelivered++
      return -1
    }
    if ((state & DELIVERED) !== 0) {
      this.outcome.duplicated++
      return -1
    }
    this.#states[number] = state | DELIVERED
    this.outcome.delivered++
    this.#recordLatency(number)
    return (state & ACCEPTED) !== 0 ? (this.#places[number] as number) : -1
  }

  startLatencies(): void {
    this.#latenciesMs = new Float64Array(1 << 20)
    this.#latencyCount = 0
  }

  /** Latencies since `startLatencies`, ascending, in milliseconds. */
  takeLatencies(): Float64Array {
    const taken = this.#latenciesMs?.slice(0, this.#latencyCount).sort() ?? new Float64Array()
    this.#latenciesMs = undefined
    return taken
  }

  #recordLatency(number: number): void {
    if (this.#latenciesMs && this.#latencyCount < this.#latenciesMs.length) {
      this.#latenciesMs[this.#latencyCount++] = performance.now() - (this.#dueMs[number] as number)
    }
  }

  #grow(): void {
    const double = this.#states.length * 2
    const dueMs = new Float64Array(double)
    const states = new Uint8Array(double)
    const places = new Uint32Array(double)
    dueMs.set(this.#dueMs)
    states.set(this.#states)
    places.set(this.#places)
    this.#dueMs = dueMs
    this.#states = states
    this.#places = places
  }
}
