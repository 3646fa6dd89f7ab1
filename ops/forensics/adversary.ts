import { parseArgs } from 'node:util'
import { attackBoth } from './attack.ts'
import { brokenClaims } from './attack-claims.ts'
import { renderAttacks } from './attack-table.ts'
import { writeIntoDocument } from './document.ts'

/**
 * `npm run forensics:adversary`: what somebody gets out of a store, with and without Lethe's layout, as a table; with
 * `--write` into docs/threat-model.md. Ends with 1 if a copy tells more than it may.
 */
const { values } = parseArgs({
  options: {
    mailboxes: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
})
const startedMs = performance.now()
const result = await attackBoth({ mailboxes: Number(values.mailboxes), seed: Number(values.seed) })
const table = renderAttacks(result)
process.stdout.write(`${table}\n`)
process.stderr.write(`${Math.round((performance.now() - startedMs) / 1000)} s\n`)
for (const claim of brokenClaims(result.lethe)) {
  process.stderr.write(`${claim}\n`)
  process.exitCode = 1
}
if (values.write) writeIntoDocument('adversary', 'npm run forensics:adversary -- --write', table)
