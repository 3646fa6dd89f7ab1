import { SHORT_LINES } from './field.ts'
import { INVENTORY } from './inventory.ts'
import { NOT_HELD } from './not-held.ts'

/** The inventory in short, as `/v1/info` and the page give it. */
export interface DataSummary {
  /** What is held while an envelope waits. */
  readonly whileWaiting: readonly string[]
  /** What is held while somebody is connected, and no longer. */
  readonly whileConnected: readonly string[]
  /** Names of everything that can be logged. */
  readonly logged: readonly string[]
  /** Names of everything that is counted, over all mailboxes together. */
  readonly counted: readonly string[]
  readonly neverHeld: readonly string[]
}

/** The lines of the inventory that concern people, each once, and the names of what is logged and counted. */
export function summarizeInventory(): DataSummary {
  const used = new Set<string | undefined>(INVENTORY.map(({ short }) => short))
  const linesOf = (lines: Readonly<Record<string, string>>) =>
    Object.entries(lines).flatMap(([name, line]) => (used.has(name) ? [line] : []))
  const partsOf = (place: string) => [
    ...new Set(INVENTORY.filter((field) => field.place === place).map(({ part }) => part)),
  ]
  return {
    whileWaiting: linesOf(SHORT_LINES.waiting),
    whileConnected: linesOf(SHORT_LINES.connected),
    logged: partsOf('log'),
    counted: partsOf('metric'),
    neverHeld: NOT_HELD.map(({ what }) => what),
  }
}
