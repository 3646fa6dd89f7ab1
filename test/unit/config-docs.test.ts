import { readFileSync } from 'node:fs'
import { configRows } from '../../src/config/schema.ts'
import { MAKE_SECRET_COMMAND } from '../../src/config/store-secrets.ts'
import { test } from '../_util/tap.ts'

const text = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')

test('docs/configuration.md has one row for each variable, with default and what it takes', async (t) => {
  const rows = configRows.map(
    ([, row]) => `| \`${row.env}\` | ${row.default === '' ? 'not set' : `\`${row.default}\``} | ${row.takes} |`,
  )
  t.strictSame(
    text
      .split('\n')
      .filter((line) => line.startsWith('| `LETHE_'))
      .sort(),
    rows.sort(),
  )
})

test('docs/configuration.md names no variable that is not known, and every file form', async (t) => {
  const fileForms = configRows.filter(([, row]) => row.file).map(([, row]) => `${row.env}_FILE`)
  const known = [...configRows.map(([, row]) => row.env as string), ...fileForms]
  const named = new Set(text.match(/LETHE_[A-Z0-9_]+/g))
  t.strictSame([...named].sort(), known.sort())
})

test('docs/configuration.md shows the command that makes a secret', async (t) => {
  t.ok(text.includes(`\n${MAKE_SECRET_COMMAND}\n`))
})
