import type { ProcessFacts } from './disclosure/audit-check.ts'
import { PROCESS_CHECKS } from './disclosure/audit-process.ts'

/** Rows of the audit's table without which no relay starts: each is a way for memory, or what passes, to get out. */
const REQUIRED = ['inspector', 'diagnostic-report', 'heap-snapshot', 'debug-output'] as const

/** Of the facts that the audit goes by, none but those of the process. */
const NO_STORE = { nodes: [], storeHosts: [], isStoreTls: false, publicOrigins: [], isLoopback: () => false }

/**
 * Keeps Node from opening its inspector on SIGUSR1, to whoever may send this process a signal: it does not while somebody
 * listens to that signal. To be called as early as can be, once, and never undone.
 */
export function keepInspectorShut(): void {
  process.on('SIGUSR1', () => {})
}

/** Why a relay must not run in this process, one line for each reason; none if it may. */
export function findOpenings(facts: ProcessFacts): string[] {
  return REQUIRED.flatMap((id) => {
    const { find, why, mend } = PROCESS_CHECKS[id]
    return find({ ...NO_STORE, process: facts }).map(
      ({ detail }) => `a relay does not start: ${detail}. ${why} ${mend}`,
    )
  })
}
