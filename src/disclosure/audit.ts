import type { NodeFacts } from '../mailbox/store-facts.ts'
import type { AuditFacts, Check, Fault, Severity } from './audit-check.ts'
import { KEY_CHECKS } from './audit-keys.ts'
import { NODE_CHECKS, START_STATE } from './audit-nodes.ts'
import { PROCESS_CHECKS } from './audit-process.ts'
import { OTHER_SETTINGS, START_SETTINGS } from './audit-settings.ts'

/** Everything that `lethe audit` looks at, by the name under which it reports it. */
export const CHECKS = {
  ...START_SETTINGS,
  ...START_STATE,
  ...OTHER_SETTINGS,
  ...NODE_CHECKS,
  ...KEY_CHECKS,
  ...PROCESS_CHECKS,
} as const

export type CheckId = keyof typeof CHECKS

const ROWS = Object.entries(CHECKS) as [CheckId, Check][]

/** Settings that the audit asks every node for. */
export const AUDITED_SETTINGS: readonly string[] = [
  ...Object.values({ ...START_SETTINGS, ...OTHER_SETTINGS }).map(({ setting }) => setting),
  'dir',
  'tls-replication',
  'tls-cluster',
]

/** One check and what it found. */
export interface CheckResult {
  readonly id: CheckId
  readonly severity: Severity
  readonly what: string
  readonly why: string
  readonly mend: string
  readonly faults: readonly Fault[]
}

/** What `lethe audit` has to say: all that was looked at, whether or not anything was found. */
export interface AuditReport {
  readonly isClean: boolean
  readonly nodes: readonly Pick<NodeFacts, 'address' | 'role'>[]
  readonly checks: readonly CheckResult[]
}

/** Judges facts by every row of the table; those about Redis are left out where the store is the embedded one. */
export function audit(facts: AuditFacts): AuditReport {
  const hasRedis = facts.storeHosts.length > 0
  const checks = ROWS.filter(([, { isAboutRedis }]) => hasRedis || !isAboutRedis).map(([id, row]) => {
    const { severity, what, why, mend } = row
    return { id, severity, what, why, mend, faults: row.find(facts) }
  })
  return {
    isClean: checks.every(({ faults }) => faults.length === 0),
    nodes: facts.nodes.map(({ address, role }) => ({ address, role })),
    checks,
  }
}
