import { parseArgs } from 'node:util'
import { attackBoth } from './attack.ts'
import { renderAttacks } from './attack-table.ts'

/** `npm run forensics:adversary`: what somebody gets out of a store, with and without Lethe's layout, as a table. */
const { values } = parseArgs({
  options: { mailboxes: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
})
const startedMs = performance.now()
const result = await attackBoth({ mailboxes: Number(values.mailboxes), seed: Number(values.seed) })
process.stdout.write(`${renderAttacks(result)}\n`)
process.stderr.write(`${Math.round((performance.now() - startedMs) / 1000)} s\n`)
