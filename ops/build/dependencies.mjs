/**
 * Holds docs/dependencies.md against package.json and package-lock.json: every package in its table, with licence and
 * who needs it, a reason for each, and how many there are. `--write` mends everything but the reasons, which are the last
 * column and people's to write. Ends with 0 if all is well.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { developmentCount, manifest, productionPackages } from './packages.mjs'

const file = new URL('../../docs/dependencies.md', import.meta.url)
const text = readFileSync(file, 'utf8')
const production = productionPackages()
const inName = ({ path, name }) =>
  path === `node_modules/${name}` ? name : `${name} (for ${path.split('/node_modules/')[0].slice(13)})`
const isOwn = ({ by }) => by.has(manifest.name)
const byName = (a, b) => (a[0] < b[0] ? -1 : 1)

/** By section the cells of every row but the last one. */
const tables = {
  'Chosen by Lethe': production.filter(isOwn).map((entry) => [inName(entry), entry.license]),
  'Brought by those': production
    .filter((entry) => !isOwn(entry))
    .map((entry) => [inName(entry), entry.license, [...entry.by].sort().join(', ')]),
  'To build and to test': Object.keys(manifest.devDependencies).map((name) => [name]),
}
for (const rows of Object.values(tables)) rows.sort(byName)

const own = tables['Chosen by Lethe'].length
const count =
  `**${production.length} packages run in production**: ${own} that Lethe chose and ${production.length - own} that those bring. ` +
  `${developmentCount()} more build and test it.`

/** The reason that stands in a section for a package; empty if none. */
function reason(section, name) {
  const row = section.split('\n').find((line) => line.startsWith(`| ${name} |`))
  return row?.split(' | ').at(-1).replace(/ \|$/, '').trim() ?? ''
}

const missing = []

/** The section as it should be. */
function mended(title, section) {
  const [head, rule] = section.split('\n').filter((line) => line.startsWith('| '))
  const before = section.slice(0, section.indexOf(head))
  const rows = tables[title].map((cells) => {
    const why = reason(section, cells[0])
    if (why === '') missing.push(`${title}: ${cells[0]} has no reason`)
    return `| ${[...cells, why].join(' | ')} |`
  })
  return `${before}${[head, rule, ...rows].join('\n')}\n`
}

const [intro, ...sections] = text.split(/^## /m)
const expected = [
  intro.replace(/^\*\*\d+ packages run in production.*$/m, count),
  ...sections.map((section) => {
    const title = section.slice(0, section.indexOf('\n'))
    return title in tables ? mended(title, section) : section
  }),
]
  .map((part, index, all) => (index < all.length - 1 ? `${part.trimEnd()}\n\n` : part))
  .join('## ')

if (process.argv.includes('--write')) writeFileSync(file, expected)
else if (expected !== text) missing.push('it is not up to date: run node ops/build/dependencies.mjs --write')
if (!expected.includes(count)) missing.push('it does not say how many there are')
for (const title of Object.keys(tables)) if (!expected.includes(`## ${title}\n`)) missing.push(`it has no "${title}"`)
for (const line of missing) process.stderr.write(`docs/dependencies.md: ${line}\n`)
if (missing.length > 0) process.exitCode = 1
else process.stdout.write(`docs/dependencies.md: ${production.length} packages in production, each with its reason\n`)
