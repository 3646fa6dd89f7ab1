import { readFileSync } from 'node:fs'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { CHECKS } from '../../src/disclosure/audit.ts'
import type { Check } from '../../src/disclosure/audit-check.ts'
import { KEY_CHECKS } from '../../src/disclosure/audit-keys.ts'
import { NODE_CHECKS, START_STATE } from '../../src/disclosure/audit-nodes.ts'
import { PROCESS_CHECKS } from '../../src/disclosure/audit-process.ts'
import { OTHER_SETTINGS, START_SETTINGS } from '../../src/disclosure/audit-settings.ts'
import { UNSAFE_BY } from '../../src/mailbox/store-facts.ts'
import { test } from '../_util/tap.ts'

const text = readFileSync(new URL('../../../docs/audit.md', import.meta.url), 'utf8')

type Rows = Readonly<Record<string, Check>>

/** Of settings and keys the page says once what to do; of the others in each row. */
const short = (rows: Rows) =>
  Object.entries(rows).map(([id, { what, why, severity }]) => `| ${id} | ${what} | ${severity} | ${why} |`)
const long = (rows: Rows) =>
  Object.entries(rows).map(
    ([id, { what, why, severity, mend }]) => `| ${id} | ${what} | ${severity} | ${why} | ${mend} |`,
  )

const SECTIONS: Readonly<Record<string, string[]>> = {
  'Settings that a relay looks at too': short(START_SETTINGS),
  'Further settings': short(OTHER_SETTINGS),
  'Each node': long({ ...START_STATE, ...NODE_CHECKS }),
  'Every key': short(KEY_CHECKS),
  'The process and its machine': long(PROCESS_CHECKS),
}

function rowsIn(section: string): string[] {
  const body = text.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? ''
  return body.split('\n').filter((line) => /^\| [a-z]/.test(line) && !line.startsWith('| check '))
}

test('docs/audit.md has one row for each check, with its reason', async (t) => {
  for (const [section, rows] of Object.entries(SECTIONS)) t.strictSame(rowsIn(section), rows, section)
  t.equal(Object.values(SECTIONS).flat().length, Object.keys(CHECKS).length)
})

test('the rows that a relay looks at too are those that can be logged and published', async (t) => {
  t.same(Object.keys({ ...START_SETTINGS, ...START_STATE }), UNSAFE_BY)
  for (const id of UNSAFE_BY) t.type((CHECKS[id] as unknown as { findAt: unknown }).findAt, 'function', id)
})

test('every reason is one sentence, and every row says what to do', async (t) => {
  for (const [id, { what, why, mend }] of Object.entries(CHECKS)) {
    t.match(why, /^[A-Z][^.!?]*\.$/, id)
    t.match(mend, /^[A-Z].*\.$/, id)
    t.notMatch(what, /\.$|\|/, id)
  }
})

test('docs/audit.md gives the exit codes', async (t) => {
  for (const code of [EXIT.ok, EXIT.failed, EXIT.relayUnavailable, EXIT.config])
    t.match(text, new RegExp(`^\\| ${code} \\|`, 'm'))
})
