import { KIND_NAMES, KINDS } from './canaries.ts'
import type { Findings } from './evidence.ts'
import { rowOf, SURFACE_NAMES } from './surfaces.ts'

/** Columns, the first to the left and the others to the right. */
export function format(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => {
    const cells = row.map((text, column) =>
      column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0),
    )
    return cells.join(' ')
  })
}

/** Surface × kind of canary: how often it was found, `.` for never, in brackets where the table allows it. */
export function formatFindings(findings: Findings): string[] {
  const rows = SURFACE_NAMES.map((surface) => [
    surface,
    ...KIND_NAMES.map((kind) => {
      const { hits } = findings.get(surface, kind)
      if (hits === 0) return '.'
      return kind in rowOf(surface).may ? `(${hits})` : String(hits)
    }),
  ])
  return format([['', ...KIND_NAMES.map((kind) => KINDS[kind])], ...rows])
}

/** A line for each reason that something in brackets has: kinds, surfaces, why. */
export function formatAllowances(): string[] {
  const allowed = SURFACE_NAMES.flatMap((surface) =>
    Object.entries(rowOf(surface).may).map(([kind, reason]) => ({ surface, kind, reason })),
  )
  return [...new Set(allowed.map(({ reason }) => reason))].map((reason) => {
    const own = allowed.filter((each) => each.reason === reason)
    const [kinds, surfaces] = [own.map(({ kind }) => kind), own.map(({ surface }) => surface)]
    return `${[...new Set(kinds)].join(', ')} in ${[...new Set(surfaces)].join(', ')}: ${reason}`
  })
}
