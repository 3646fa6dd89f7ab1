import { spawnSync } from 'node:child_process'
import { runConfigCommand } from '../../src/cli/config-command.ts'
import { configRows } from '../../src/config/schema.ts'
import { test } from '../_util/tap.ts'
import { randomSecret } from './config-problems.ts'

const MODULE = new URL('../../src/cli/config-command.js', import.meta.url).href
const SCRIPT = `import { ${runConfigCommand.name} as run } from '${MODULE}'
process.exitCode = await run(process.argv.slice(1))`

/** Runs the command in a process of its own, with nothing in the environment but what is given. */
function run(args: string[], env: Record<string, string> = {}) {
  const argv = ['--input-type=module', '--eval', SCRIPT, '--', ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { env, encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('lethe config prints every variable, its value and its origin, in columns', async (t) => {
  const { status, stdout, stderr } = run([], { LETHE_PORT: '0', LETHE_OPERATOR_NAME: 'A relay' })
  t.equal(status, 0)
  t.equal(stderr, '')
  const [head = '', ...lines] = stdout.trimEnd().split('\n')
  t.match(head, /^VARIABLE +VALUE +FROM$/)
  t.strictSame(
    lines.map((line) => line.split(' ')[0]),
    configRows.map(([, row]) => row.env),
  )
  t.match(stdout, /^LETHE_PORT +0 +environment$/m)
  t.match(stdout, /^LETHE_OPERATOR_NAME +A relay +environment$/m)
  t.match(stdout, /^LETHE_HOST +127\.0\.0\.1 +default$/m)
  t.match(stdout, /^LETHE_STORE_SECRET +not set +default$/m)
  t.ok(lines.every((line) => line.indexOf('  ', head.indexOf('FROM')) === -1 && line[head.indexOf('FROM') - 1] === ' '))
})

test('lethe config --json prints the same for programs, secrets masked', async (t) => {
  const secret = randomSecret()
  const { status, stdout, stderr } = run(['--json'], {
    LETHE_REDIS_URL: 'redis://:pw1234@h',
    LETHE_STORE_SECRET: secret,
  })
  t.equal(status, 0)
  t.equal(stderr, '')
  const lines = JSON.parse(stdout)
  t.strictSame(
    lines.map(({ variable, takes }: Record<string, string>) => [variable, takes]),
    configRows.map(([, row]) => [row.env, row.takes]),
  )
  t.ok(lines.every((line: object) => Object.keys(line).join() === 'variable,value,origin,takes'))
  t.match(stdout, '"redis://:***@h:6379/0"')
  t.notOk(stdout.includes(secret))
  t.notOk(stdout.includes('pw1234'))
})

for (const args of [[], ['--json']]) {
  test(`lethe config ${args} ends with 78 and one line a problem`, async (t) => {
    const { status, stdout, stderr } = run(args, { LETHE_PORT: 'x', LETHE_PRT: '1', LETHE_REDIS_URL: 'redis://h' })
    t.equal(status, 78)
    t.equal(stdout, '')
    t.strictSame(
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[0]),
      ['LETHE_PORT', 'LETHE_STORE_SECRET', 'LETHE_PRT'],
    )
  })
}

test('lethe config --help explains every variable, also where the configuration is bad', async (t) => {
  for (const flag of ['--help', '-h']) {
    const { status, stdout, stderr } = run([flag], { LETHE_PORT: 'x' })
    t.equal(status, 0)
    t.equal(stderr, '')
    for (const [, row] of configRows) {
      t.ok(stdout.includes(`  ${row.env} (${row.default || 'not set'})\n      ${row.takes}\n`), row.env)
    }
  }
})

test('other arguments end with 64', async (t) => {
  for (const args of [['--yaml'], ['more'], ['--json=x']]) {
    const { status, stdout, stderr } = run(args)
    t.equal(status, 64)
    t.equal(stdout, '')
    t.match(stderr, /--json and --help only/)
  }
})
