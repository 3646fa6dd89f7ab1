import type { AuditReport, CheckResult } from '../disclosure/audit.ts'

/** A report as a table for people: a line for each check, and under it what was found. */
export function auditText({ nodes, checks, isClean }: AuditReport): string {
  const idWidth = Math.max(...checks.map(({ id }) => id.length))
  const lines = checks.flatMap((check) => linesOf(check, idWidth))
  const found = checks.filter(({ faults }) => faults.length > 0)
  return [
    `Nodes: ${nodes.map(({ address, role }) => `${address} (${role ?? 'unknown'})`).join(', ') || 'none, the store is embedded'}`,
    '',
    ...lines,
    '',
    isClean
      ? `Nothing found in ${checks.length} checks.`
      : `Found in ${found.length} of ${checks.length} checks: ${idsOf(found)}`,
    '',
  ].join('\n')
}

function linesOf({ id, severity, what, why, mend, faults }: CheckResult, idWidth: number): string[] {
  const isFound = faults.length > 0
  const indent = ' '.repeat(9)
  return [
    `${isFound ? 'FOUND' : 'ok'.padEnd(5)}  ${severity.padEnd(6)}  ${id.padEnd(idWidth)}  ${what}`,
    ...faults.map(({ where, detail }) => `${indent}${where}: ${detail}`),
    ...(isFound ? [`${indent}Why: ${why}`, `${indent}Mend: ${mend}`] : []),
  ]
}

function idsOf(checks: readonly CheckResult[]): string {
  return checks.map(({ id }) => id).join(', ')
}
