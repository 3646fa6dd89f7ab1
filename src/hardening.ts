import { writeFileSync } from 'node:fs'
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

/**
 * Has Linux leave all memory out of a core dump of this process, whatever the limit on its size, which Node cannot set.
 * Elsewhere, and where the system forbids it, nothing happens; `lethe audit` tells of the limit.
 */
export function keepCoreDumpsEmpty(): void {
  try {
    writeFileSync('/proc/self/coredump_filter', '0')
  } catch {
    // There is no such file, or it may not be written.
  }
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
