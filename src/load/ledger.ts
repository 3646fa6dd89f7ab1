import { ERRORS } from '../protocol/errors.ts'
import { classSeconds } from '../protocol/retention.ts'
import type { Account } from './account.ts'
import { LedgerPage, PAGE_BITS, STATE } from './ledger-page.ts'
import { ARRIVAL, KIND, type LedgerRecord, OUTCOME, type Outcome, workerOfSession } from './record.ts'
import { Sessions } from './sessions.ts'

/** Details of a settled page are kept for so long, for duplicates that come late. */
const KEEP_SETTLED_MS = 600_000
const OFFSET_MASK = (1 << PAGE_BITS) - 1

/** Refusals after which the envelope may be stored all the same: the store did not confirm in time. */
const MAY_ARRIVE: ReadonlySet<number> = new Set([ERRORS.ERR_STORE_UNAVAILABLE.number, ERRORS.ERR_INTERNAL.number])

/**
 * Who sent what, what was accepted and what arrived, over all workers. Records of different workers come in any order:
 * an envelope can have arrived before its sender has told of it.
 */
export class Ledger {
  readonly #pages = new Map<number, LedgerPage[]>()
  readonly #sessions = new Sessions()
  readonly #refused = new Map<number, number>()
  #sent = 0
  #accepted = 0
  #unsure = 0
  #delivered = 0
  #deliveredUnsure = 0
  #deliveredAccepted = 0
  #duplicated = 0
  #redelivered = 0
  #misdelivered = 0
  #corrupted = 0
  /** Of these, accepted ones whose stamp could still be read: they are not lost as well. */
  #damagedAccepted = 0
  #outOfOrder = 0
  #unexpected = 0
  /** When anything arrived last, in milliseconds since the run's beginning. */
  lastArrivalMs = 0

  take(record: LedgerRecord): void {
    switch (record.kind) {
      case KIND.sent:
        return this.#noteSent(record)
      case KIND.outcome:
        return this.#noteOutcome(record)
      case KIND.arrival:
        return this.#noteArrival(record)
      case KIND.damaged:
        this.#corrupted++
        return
      case KIND.drained:
        return this.#sessions.drained(record.mailbox, record.session, record.atMs)
      case KIND.closed:
        return this.#sessions.closed(record.mailbox, record.session, record.atMs)
      default:
        return
    }
  }

  /** @param isFinal whether all mailboxes were read to the end, so that what is not there is lost or expired */
  account(isFinal: boolean): Account {
    const missing = this.#accepted - this.#deliveredAccepted - this.#damagedAccepted
    const { lost, expired } = isFinal ? this.#judgeMissing() : { lost: 0, expired: 0 }
    const refusals = [...this.#refused.values()].reduce((sum, count) => sum + count, 0)
    return {
      sent: this.#sent,
      accepted: this.#accepted,
      refused: Object.fromEntries(this.#refused),
      unsure: this.#unsure,
      unanswered: this.#sent - this.#accepted - this.#unsure - refusals,
      delivered: this.#delivered,
      deliveredUnsure: this.#deliveredUnsure,
      outstanding: missing - lost - expired,
      lost,
      expired,
      duplicated: this.#duplicated,
      redelivered: this.#redelivered,
      misdelivered: this.#misdelivered,
      corrupted: this.#corrupted,
      outOfOrder: this.#outOfOrder,
      unexpected: this.#unexpected,
    }
  }

  /** Mailboxes that something accepted has not come to, each once. */
  owed(): number[] {
    const mailboxes = new Set<number>()
    for (const { mailbox } of this.#missing()) mailboxes.add(mailbox)
    return [...mailboxes]
  }

  /** Whether every mailbox that is owed something was read to its end after that moment. */
  isReadSince(sinceMs: number): boolean {
    return this.owed().every((mailbox) => this.#sessions.lastDrainedMs(mailbox) >= sinceMs)
  }

  /** A worker is gone, with all its sessions. `atMs`: when it was last heard of. */
  workerEnded(worker: number, atMs: number): void {
    this.#sessions.closedAll((id) => workerOfSession(id) === worker, atMs)
  }

  #noteSent(record: LedgerRecord): void {
    const { page, offset } = this.#find(record)
    this.#sent++
    page.state[offset] = (page.state[offset] as number) | STATE.sent
    const { details } = page
    if (details === undefined) return
    details.mailbox[offset] = record.mailbox
    details.classIndex[offset] = record.classIndex
    details.sentMs[offset] = record.atMs
  }

  #noteOutcome(record: LedgerRecord): void {
    const { page, offset } = this.#find(record)
    const before = page.state[offset] as number
    const outcome = record.detail as Outcome
    const known = before & STATE.outcome
    // An answer can come after it was given up, and only that changes an outcome.
    if (known === OUTCOME.accepted || known === outcome || (known !== 0 && known !== OUTCOME.unsure)) return
    if (known === OUTCOME.unsure) {
      this.#unsure--
      if (before & STATE.delivered) this.#deliveredUnsure--
    }
    const mayArrive = outcome === OUTCOME.refused && MAY_ARRIVE.has(record.errorNumber)
    page.state[offset] = (before & ~STATE.outcome) | outcome | (mayArrive ? STATE.mayArrive : 0)
    if (outcome === OUTCOME.accepted) {
      this.#accepted++
      if (before & STATE.delivered) this.#deliveredAccepted++
      else if (before & STATE.damaged) this.#damagedAccepted++
    } else if (outcome === OUTCOME.unsure) {
      this.#unsure++
      if (before & STATE.delivered) this.#deliveredUnsure++
    } else {
      this.#refused.set(record.errorNumber, (this.#refused.get(record.errorNumber) ?? 0) + 1)
      if (before & STATE.delivered && !mayArrive) this.#unexpected++
    }
    this.#settle(page, before, page.state[offset] as number, record.atMs)
  }

  #noteArrival(record: LedgerRecord): void {
    this.lastArrivalMs = record.atMs
    const { page, offset } = this.#find(record)
    const before = page.state[offset] as number
    if (record.detail & ARRIVAL.misdelivered) {
      this.#misdelivered++
      return
    }
    if (record.detail & ARRIVAL.bodyDamaged) {
      this.#corrupted++
      if (before & (STATE.damaged | STATE.delivered)) return
      page.state[offset] = before | STATE.damaged
      if ((before & STATE.outcome) === OUTCOME.accepted) this.#damagedAccepted++
      return
    }
    if (before & STATE.delivered) return this.#noteRepetition(page, offset, record)
    this.#deliver(page, offset, before, record)
  }

  #deliver(page: LedgerPage, offset: number, before: number, record: LedgerRecord): void {
    page.state[offset] = before | STATE.delivered
    this.#delivered++
    const outcome = before & STATE.outcome
    // Whoever was told that it may not have been stored was promised no place for it either.
    const isPlaced = outcome !== OUTCOME.unsure && !(before & STATE.mayArrive)
    if (record.detail & ARRIVAL.behind && isPlaced) this.#outOfOrder++
    if (outcome === OUTCOME.accepted) {
      this.#deliveredAccepted++
      if (before & STATE.damaged) this.#damagedAccepted--
    } else if (outcome === OUTCOME.unsure) this.#deliveredUnsure++
    else if (outcome === OUTCOME.refused && !(before & STATE.mayArrive)) this.#unexpected++
    if (page.details !== undefined) {
      page.details.session[offset] = record.session
      page.details.idTag[offset] = record.idTag
    }
    this.#settle(page, before, page.state[offset] as number, record.atMs)
  }

  #noteRepetition({ details }: LedgerPage, offset: number, record: LedgerRecord): void {
    const isAgain =
      details !== undefined && details.idTag[offset] === record.idTag && details.session[offset] !== record.session
    if (!isAgain) {
      this.#duplicated++
      return
    }
    this.#redelivered++
    details.session[offset] = record.session
  }

  #settle(page: LedgerPage, before: number, after: number, atMs: number): void {
    if (isSettled(before) || !isSettled(after)) return
    page.settled++
    page.settledMs = atMs
  }

  /** Gives up what is kept about envelopes that were settled long ago. */
  forgetSettled(nowMs: number): void {
    for (const pages of this.#pages.values()) {
      for (const page of pages) {
        if (page.isSettled && nowMs - page.settledMs > KEEP_SETTLED_MS) page.details = undefined
      }
    }
  }

  #judgeMissing(): { lost: number; expired: number } {
    let lost = 0
    let expired = 0
    for (const { mailbox, classIndex, sentMs } of this.#missing()) {
      // It lives more than 5/6 of its class. [protocol §3]
      const aliveUntilMs = sentMs + (classSeconds(classIndex) * 5_000) / 6
      const fate = this.#sessions.fateOf(mailbox, sentMs, aliveUntilMs)
      if (fate === 'lost') lost++
      else if (fate === 'expired') expired++
    }
    return { lost, expired }
  }

  *#missing(): Generator<{ mailbox: number; classIndex: number; sentMs: number }> {
    for (const pages of this.#pages.values()) {
      for (const { state, details, isSettled } of pages) {
        if (details === undefined || isSettled) continue
        for (let offset = 0; offset < state.length; offset++) {
          const bits = state[offset] as number
          const isMissing = (bits & STATE.outcome) === OUTCOME.accepted && !(bits & (STATE.delivered | STATE.damaged))
          if (!isMissing) continue
          yield {
            mailbox: details.mailbox[offset] as number,
            classIndex: details.classIndex[offset] as number,
            sentMs: details.sentMs[offset] as number,
          }
        }
      }
    }
  }

  #find({ worker, number }: LedgerRecord): { page: LedgerPage; offset: number } {
    let pages = this.#pages.get(worker)
    if (pages === undefined) {
      pages = []
      this.#pages.set(worker, pages)
    }
    const index = number >>> PAGE_BITS
    while (pages.length <= index) pages.push(new LedgerPage())
    return { page: pages[index] as LedgerPage, offset: number & OFFSET_MASK }
  }
}

function isSettled(state: number): boolean {
  const outcome = state & STATE.outcome
  if (outcome === OUTCOME.accepted) return (state & STATE.delivered) !== 0
  return outcome === OUTCOME.refused && !(state & STATE.mayArrive)
}
