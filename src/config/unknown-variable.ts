import type { ConfigProblem } from './problem.ts'
import { isServiceLink, SERVICE_LINK_DETAIL } from './service-links.ts'

const PREFIX = 'LETHE_'
const MAX_SHOWN_LENGTH = 64

/** The problem of a variable that the relay does not know, with the known one that was probably meant. */
export function createUnknownProblem(name: string, known: readonly string[]): ConfigProblem {
  const shown = name.slice(0, MAX_SHOWN_LENGTH).replace(/[^A-Za-z0-9_]/g, '?')
  if (isServiceLink(name)) return { variable: shown, message: `${shown} ${SERVICE_LINK_DETAIL}.` }
  const suggestion = findSuggestion(name, known)
  const question = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`
  return { variable: shown, message: `${shown} is not a variable that Lethe knows.${question}` }
}

/** The known name nearest by edits, or else the only one that goes on where this one ends. */
function findSuggestion(name: string, known: readonly string[]): string | undefined {
  if (name.length > MAX_SHOWN_LENGTH) return undefined
  const maxEdits = Math.min(3, Math.floor((name.length - PREFIX.length) / 3))
  const ranked = known.map((candidate) => ({ candidate, edits: countEdits(name, candidate) }))
  const best = ranked.reduce((a, b) => (b.edits < a.edits ? b : a))
  if (best.edits <= maxEdits) return best.candidate
  const longer = known.filter((candidate) => candidate.startsWith(`${name}_`))
  return longer.length === 1 ? longer[0] : undefined
}

/** Insertions, deletions and replacements that make `b` of `a`. */
function countEdits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
