import { monotonicMs } from './clock.ts'
import { ARRIVAL, KIND, sessionOf } from './record.ts'
import { readStamp, type Stamp } from './stamp.ts'
import type { WorkerContext } from './worker-context.ts'

let sessions = 0
const stamp: Stamp = { worker: 0, number: 0, mailbox: 0, stream: 0, dueMs: 0, lane: 0 }

/** What comes to one mailbox between its OPEN and the end of that connection. */
export class Reading {
  readonly #context: WorkerContext
  readonly #mailbox: number
  readonly #session: number
  readonly #openedMs = monotonicMs()
  /** Highest number that came, by connection, worker, size and lifetime that it was sent with. */
  readonly #highest = new Map<number, number>()
  #isDrained = false

  constructor(context: WorkerContext, mailbox: number) {
    this.#context = context
    this.#mailbox = mailbox
    this.#session = sessionOf(context.worker, ++sessions)
  }

  /** @param id 16 bytes */
  arrived(id: Buffer, envelope: Buffer): void {
    const { ledger, runId, tallies, latencies, measuredFromMs } = this.#context
    const soundness = readStamp(envelope, runId, stamp)
    if (soundness === 'damaged') return ledger.tell({ kind: KIND.damaged, mailbox: this.#mailbox })
    const isMine = stamp.mailbox === this.#mailbox
    let detail = isMine ? 0 : ARRIVAL.misdelivered
    if (soundness === 'body-damaged') detail |= ARRIVAL.bodyDamaged
    else if (isMine && this.#isBehind()) detail |= ARRIVAL.behind
    if (detail === 0 || detail === ARRIVAL.behind) {
      tallies.delivered++
      const isLive = stamp.dueMs >= this.#openedMs && stamp.dueMs >= measuredFromMs
      if (isLive) latencies.delivery.record(monotonicMs() - stamp.dueMs)
    }
    const { worker, number } = stamp
    const mailbox = this.#mailbox
    ledger.tell({
      kind: KIND.arrival,
      detail,
      worker,
      number,
      mailbox,
      session: this.#session,
      idTag: id.readUInt32LE(),
    })
  }

  /** @returns whether it was the first DRAINED of this OPEN */
  drained(): boolean {
    if (this.#isDrained) return false
    this.#isDrained = true
    this.#context.ledger.tell({ kind: KIND.drained, mailbox: this.#mailbox, session: this.#session })
    return true
  }

  closed(): void {
    this.#context.ledger.tell({ kind: KIND.closed, mailbox: this.#mailbox, session: this.#session })
  }

  // Stream: 24 bits; lane: 6 bits; worker: 9 bits. Together below 2^53.
  #isBehind(): boolean {
    if (stamp.stream === 0) return false
    const key = (stamp.stream * 64 + stamp.lane) * 512 + stamp.worker
    const highest = this.#highest.get(key)
    if (highest !== undefined && stamp.number < highest) return true
    this.#highest.set(key, stamp.number)
    return false
  }
}
