/**
 * Checks the licence of every package that runs in production: one that asks for no more than its notice, the same in
 * package-lock.json and in the package that is installed. Ends with 0 if all is well, and counts the licences.
 */
import { readFileSync } from 'node:fs'
import { productionPackages } from './packages.mjs'

/** SPDX identifiers of licences under which a relay can be given on, changed or not, with the notice alone. */
const PERMISSIVE = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT', 'Zlib']

/** Whether an SPDX expression leaves a choice of permissive licences. Throws where it cannot be read. */
export function isPermissive(expression) {
  const tokens = expression?.match(/[()]|[\w.+-]+/g) ?? []
  const next = () => tokens.shift()
  const either = () => {
    let result = all()
    while (tokens[0] === 'OR') {
      next()
      result = all() || result
    }
    return result
  }
  const all = () => {
    let result = one()
    while (tokens[0] === 'AND') {
      next()
      result = one() && result
    }
    return result
  }
  const one = () => {
    const token = next()
    if (token === undefined || token === ')' || token === 'OR' || token === 'AND') throw new Error('no licence')
    if (token !== '(') return PERMISSIVE.includes(token)
    const result = either()
    if (next() !== ')') throw new Error('a bracket is open')
    return result
  }
  const result = either()
  if (tokens.length > 0) throw new Error(`${tokens[0]} is not understood`)
  return result
}

/** What is wrong with one package's licence; undefined if nothing. */
function complaint({ path, license }) {
  const { license: installed } = JSON.parse(
    readFileSync(new URL(`../../${path}/package.json`, import.meta.url), 'utf8'),
  )
  if (installed !== license) return `${path}: package-lock.json says ${license}, the package ${installed}`
  try {
    return isPermissive(license) ? undefined : `${path}: ${license} asks for more than a notice`
  } catch (error) {
    return `${path}: the licence ${license} cannot be read: ${error.message}`
  }
}

/** Expressions the check must refuse or take; else it looks at nothing. */
const SELF_CHECK = {
  MIT: true,
  '(MIT AND Zlib)': true,
  'GPL-3.0-only OR (MIT AND ISC)': true,
  'AGPL-3.0-only': false,
  'MIT AND GPL-2.0-only': false,
  '(MIT OR ISC) AND SSPL-1.0': false,
}

const packages = productionPackages()
const wrong = packages.flatMap((entry) => complaint(entry) ?? [])
for (const [expression, expected] of Object.entries(SELF_CHECK)) {
  if (isPermissive(expression) !== expected) wrong.push(`self-check: ${expression} is judged wrongly`)
}
for (const line of wrong) process.stderr.write(`licences: ${line}\n`)
if (wrong.length > 0) process.exitCode = 1
else {
  const counts = {}
  for (const { license } of packages) counts[license] = (counts[license] ?? 0) + 1
  const listed = Object.entries(counts).sort(([, a], [, b]) => b - a)
  process.stdout.write(
    `licences: ${packages.length} packages in production: ${listed.map(([name, count]) => `${name} ${count}`).join(', ')}\n`,
  )
}
