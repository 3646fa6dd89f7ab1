import { expiryOf } from '../../src/protocol/retention.ts'
import type { Truth } from './layout.ts'
import type { Observed } from './observe.ts'
import type { SimulatedDay } from './simulated-day.ts'

/** What the counters of a store tell of what has passed through it. */
export interface ActivityResult {
  /** Envelopes of the day that were acknowledged, and how many of them are still counted somewhere. */
  readonly delivered: number
  readonly deliveredCounted: number
  /** Mailboxes that got something and hold nothing any more, and how many of them have left a trace. */
  readonly emptied: number
  readonly emptiedVisible: number
}

export function countActivity(observed: readonly Observed[], truth: Truth, day: SimulatedDay): ActivityResult {
  const active = new Set(day.envelopes.map(({ mailbox }) => mailbox))
  const holding = new Set([...truth.values()].flatMap(({ mailbox, waiting }) => (waiting.size > 0 ? [mailbox] : [])))
  const visible = new Set(observed.map(({ key }) => truth.get(key)?.mailbox))
  const emptied = [...active].filter((mailbox) => !holding.has(mailbox))
  return {
    delivered: day.envelopes.filter(({ takenMs }) => takenMs !== undefined).length,
    deliveredCounted: observed.reduce((sum, { added, entries }) => sum + added - entries.length, 0),
    emptied: emptied.length,
    emptiedVisible: emptied.filter((mailbox) => visible.has(mailbox)).length,
  }
}

/** A sender looks for the bucket that holds what it has sent, by when and how much that was. */
export function findOwnPattern(
  observed: readonly Observed[],
  truth: Truth,
  { marked }: SimulatedDay,
): { candidates: number; isAmong: boolean } {
  const day = 3
  const expiresAt = expiryOf(marked.atMs / 1000, day)
  const candidates = observed.filter((bucket) => bucket.expiresAt === expiresAt && bucket.added >= marked.count)
  return {
    candidates: candidates.length,
    isAmong: candidates.some(({ key }) => truth.get(key)?.mailbox === marked.mailbox),
  }
}
