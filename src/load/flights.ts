import { monotonicMs } from './clock.ts'
import { KIND, OUTCOME } from './record.ts'
import type { WorkerContext } from './worker-context.ts'

/** A deposit that is due. */
export interface Due {
  readonly number: number
  readonly mailbox: number
  readonly address: Buffer
  readonly envelopeBytes: number
  readonly ttlSeconds: number
  readonly classIndex: number
  readonly lane: number
  readonly dueMs: number
}

interface Flight {
  readonly due: Due
  readonly sentMs: number
  /** Given up, and told to the ledger so; the answer may still come. */
  isLate: boolean
}

/** Deposits of one connection that are not answered yet. */
export class Flights {
  readonly #context: WorkerContext
  readonly #flights = new Map<number, Flight>()
  /** Of them, how many are still waited for. */
  #awaited = 0

  constructor(context: WorkerContext) {
    this.#context = context
  }

  get awaited(): number {
    return this.#awaited
  }

  /** Notes that a deposit is handed to its connection now. */
  begin(due: Due): void {
    const { number, mailbox, classIndex } = due
    const { ledger, worker, tallies } = this.#context
    this.#flights.set(number, { due, sentMs: monotonicMs(), isLate: false })
    this.#awaited++
    tallies.sent++
    ledger.tell({ kind: KIND.sent, worker, number, mailbox, classIndex })
  }

  /** What is still waited for and was certainly not stored, in its order: to be sent again as what it is. */
  unanswered(): Due[] {
    return [...this.#flights.values()].flatMap(({ due, isLate }) => (isLate ? [] : [due]))
  }

  accepted(number: number): void {
    const flight = this.#land(number)
    if (flight === undefined) return
    const { ledger, worker, tallies, latencies, measuredFromMs } = this.#context
    tallies.accepted++
    if (flight.due.dueMs >= measuredFromMs) latencies.accept.record(monotonicMs() - flight.due.dueMs)
    ledger.tell({ kind: KIND.outcome, detail: OUTCOME.accepted, worker, number })
  }

  refused(number: number, errorNumber: number): void {
    if (this.#land(number) === undefined) return
    const { ledger, worker, tallies } = this.#context
    tallies.refused++
    ledger.tell({ kind: KIND.outcome, detail: OUTCOME.refused, worker, number, errorNumber })
  }

  /** The connection that would bring the answer is gone. */
  lost(number: number): void {
    const flight = this.#land(number)
    if (flight !== undefined && !flight.isLate) this.#tellUnsure(number)
  }

  allLost(): void {
    for (const number of [...this.#flights.keys()]) this.lost(number)
  }

  /** Gives up what has been sent before that moment. */
  giveUp(beforeMs: number): void {
    for (const [number, flight] of this.#flights) {
      if (flight.sentMs >= beforeMs) return
      if (flight.isLate) continue
      flight.isLate = true
      this.#awaited--
      this.#tellUnsure(number)
    }
  }

  #land(number: number): Flight | undefined {
    const flight = this.#flights.get(number)
    if (flight === undefined) return undefined
    this.#flights.delete(number)
    if (!flight.isLate) this.#awaited--
    return flight
  }

  #tellUnsure(number: number): void {
    const { ledger, worker } = this.#context
    ledger.tell({ kind: KIND.outcome, detail: OUTCOME.unsure, worker, number })
  }
}
