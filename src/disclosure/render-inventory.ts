import { type Field, LIFETIMES, PLACES, VIEWERS } from './field.ts'
import { INVENTORY } from './inventory.ts'
import { NOT_HELD } from './not-held.ts'

const MARKDOWN_HEAD = `# Data inventory

Every piece of information that can exist anywhere because a relay runs: in Redis, in its memory, in its log and
metrics, in what it answers, in its environment, and outside of it. Whatever is added to the relay is added to this list
first.

This page is made by \`lethe inventory --markdown\` from \`src/disclosure/inventory.ts\`. Tests hold that table against the
code: against the forms of keys and messages in Redis, the log events, the metrics, the variables, the routes and their
answers, the frames, and the classes that hold anything in memory. What is outside the relay rests on how it is operated;
\`lethe audit\` looks at some of it.
`

const MARKDOWN_COLUMNS = '| what | tells | why |\n| --- | --- | --- |\n'

/** The inventory with every word written out, for programs. */
export function inventoryJson(): string {
  const fields = INVENTORY.map(({ place, part, name, tells, lives, seenBy, why }) => ({
    place,
    part,
    name,
    tells,
    lives: LIFETIMES[lives],
    seenBy: seenBy.map((viewer) => VIEWERS[viewer]),
    why,
  }))
  const neverHeld = NOT_HELD.map(({ category, what, reason }) => ({ category, what, reason }))
  return `${JSON.stringify({ fields, neverHeld }, null, 2)}\n`
}

/** The text of `docs/data-inventory.md`. */
export function inventoryMarkdown(): string {
  const sections = inPlaces().map(([place, fields]) => {
    const parts = groupBy(fields, ({ part }) => part).map(
      ([part, rows]) => `\n### ${escapeCell(part)}\n${groupBy(rows, circumstances).map(markdownTable).join('')}`,
    )
    return `\n## ${place}\n${parts.join('')}`
  })
  const never = NOT_HELD.map(({ what, reason }) => `| ${escapeCell(what)} | ${escapeCell(reason)} |\n`).join('')
  return `${MARKDOWN_HEAD}${sections.join('')}\n## Held nowhere\n\n| what | why not |\n| --- | --- |\n${never}`
}

/** The same for a terminal. */
export function inventoryText(): string {
  const sections = inPlaces().map(([place, fields]) => {
    const parts = groupBy(fields, ({ part }) => part).map(
      ([part, rows]) => `\n  ${part}\n${rows.map(textRow).join('')}`,
    )
    return `${place.toUpperCase()}\n${parts.join('')}\n`
  })
  const never = NOT_HELD.map(({ what }) => `  ${what}\n`).join('')
  return `${sections.join('\n')}\nHELD NOWHERE\n\n${never}`
}

function inPlaces(): [string, Field[]][] {
  return groupBy(INVENTORY, ({ place }) => PLACES[place])
}

function groupBy(fields: readonly Field[], keyOf: (field: Field) => string): [string, Field[]][] {
  const groups = new Map<string, Field[]>()
  for (const field of fields) groups.set(keyOf(field), [...(groups.get(keyOf(field)) ?? []), field])
  return [...groups]
}

/** How long fields are there, and who sees them: said once for all that have it in common. */
function circumstances({ lives, seenBy }: Field): string {
  return `Kept: ${LIFETIMES[lives]}. Seen by: ${seenBy.map((viewer) => VIEWERS[viewer]).join('; ')}.`
}

function markdownTable([circumstances, rows]: [string, Field[]]): string {
  const lines = rows.map(({ name, tells, why }) => `| ${[name, tells, why].map(escapeCell).join(' | ')} |\n`)
  return `\n${circumstances}\n\n${MARKDOWN_COLUMNS}${lines.join('')}`
}

function textRow({ name, tells, lives }: Field): string {
  return `    ${name}: ${tells}\n      ${LIFETIMES[lives]}\n`
}

function escapeCell(text: string): string {
  return text.replace(/[<>|]/g, (character) => `\\${character}`)
}
