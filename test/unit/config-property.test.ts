import fc from 'fast-check'
import { ConfigError } from '../../src/config/config.ts'
import { describeConfig } from '../../src/config/print.ts'
import { configRows } from '../../src/config/schema.ts'
import { test } from '../_util/tap.ts'
import { attempt } from './config-problems.ts'

const names = configRows.flatMap(([, row]) => (row.file ? [row.env, `${row.env}_FILE`] : [row.env]))
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.integer().map(String),
  fc.array(fc.nat(), { maxLength: 10 }).map(String),
  fc.webUrl(),
  fc.base64String({ minLength: 43 }),
  fc.constantFrom(
    'redis://h',
    'redis+sentinel://a,b/m',
    'rediss+cluster://[::1]',
    '0.0.0.0',
    '/',
    '.',
    '',
    'info',
    '12',
  ),
  fc
    .array(fc.constantFrom('redis', '+cluster', '://', '@', ':', '[', ']', '/', ',', 'h', '1', '%', '%41'), {
      maxLength: 12,
    })
    .map((parts) => parts.join('')),
)
const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...names) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((rest) => `LETHE_${rest}`) },
)

test('any environment gives a configuration or a ConfigError that names known problems', async (t) => {
  const seen = { good: 0, bad: 0 }
  fc.assert(
    fc.property(fc.dictionary(name, text, { maxKeys: 4 }), (env) => {
      const outcome = attempt(env) // anything but a ConfigError goes through and fails the property
      if (outcome instanceof ConfigError) {
        seen.bad++
        if (outcome.problems.length === 0) throw new Error('no problem named')
        for (const { variable, message } of outcome.problems) {
          if (!message.startsWith(`${variable} `) || /\p{Cc}/u.test(message)) throw new Error('not a line about it')
        }
      } else {
        seen.good++
        if (describeConfig(outcome).some(({ value }) => /\p{Cc}/u.test(value))) throw new Error('not a line')
      }
    }),
    { numRuns: 3000 },
  )
  t.ok(seen.good > 0 && seen.bad > 0, 'both are reached')
})

test('what lethe config shows of plain variables is taken again and means the same', async (t) => {
  const plain = configRows.filter(([, row]) => !row.secret && row.env !== 'LETHE_REDIS_URL')
  let taken = 0
  fc.assert(
    fc.property(fc.constantFrom(...plain), text, ([key, row], value) => {
      const first = attempt({ [row.env]: value })
      if (first instanceof ConfigError) return
      const shown = describeConfig(first).find(({ variable }) => variable === row.env)?.value
      if (shown === undefined || shown === 'not set') return
      taken++
      const second = attempt({ [row.env]: shown })
      if (second instanceof ConfigError) throw second
      t.strictSame(second[key], first[key])
    }),
    { numRuns: 1000 },
  )
  t.ok(taken > 50)
})
