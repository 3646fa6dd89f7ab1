import { KIND_NAMES, KINDS, type Kind } from './canaries.ts'
import { rowOf, SURFACE_NAMES, type Surface } from './surfaces.ts'

const NAME_WIDTH = Math.max(...SURFACE_NAMES.map(({ length }) => length))

/** Surface × kind of canary, a line a surface. */
export function formatTable(title: string, cellOf: (surface: Surface, kind: Kind) => string): string[] {
  const widths = KIND_NAMES.map((kind) => KINDS[kind].length)
  const line = (name: string, entries: readonly string[]) =>
    `${name.padEnd(NAME_WIDTH)}  ${entries.map((entry, i) => entry.padStart(widths[i] as number)).join(' ')}`
  const rows = SURFACE_NAMES.map((surface) =>
    line(
      surface,
      KIND_NAMES.map((kind) => cellOf(surface, kind)),
    ),
  )
  return [
    line(
      title,
      KIND_NAMES.map((kind) => KINDS[kind]),
    ),
    ...rows,
  ]
}

/** A number of hits: `.` for none, in brackets where the table allows them. */
export function hitsText(surface: Surface, kind: Kind, hits: number): string {
  if (hits === 0) return '.'
  return rowOf(surface).may.includes(kind) ? `(${hits})` : String(hits)
}
