import { readFileSync } from 'node:fs'
import { EXIT_HELP } from '../../src/cli/exit-codes.ts'
import { findFreePort } from '../_util/ports.ts'
import { test } from '../_util/tap.ts'
import { createShell } from './cli-setup.ts'

const COMMANDS = [
  ...['serve', 'config', 'healthcheck', 'disclose', 'inventory', 'demo'],
  ...['mailbox new', 'mailbox show', 'send', 'receive'],
]

test('--help names every command, and every command has its own', async (t) => {
  const { lethe } = await createShell(t)
  let commands: string[] = []
  for (const flag of ['--help', '-h']) {
    const { code, stdout, stderr } = await lethe([flag])
    t.same([code, stderr], [0, ''])
    t.ok(stdout.endsWith(EXIT_HELP))
    const listed = [...stdout.matchAll(/^ {2}lethe ([a-z]+(?: [a-z]+)?) {2,}/gm)].map(
      ([, command]) => command as string,
    )
    t.same(
      COMMANDS.filter((command) => !listed.includes(command)),
      [],
    )
    commands = listed
  }
  for (const [i, command] of commands.entries()) {
    const { code, stdout, stderr } = await lethe([...command.split(' '), i % 2 === 0 ? '--help' : '-h'])
    t.same([code, stderr], [0, ''], command)
    t.match(stdout, `Usage: lethe ${command}`)
  }
  const family = await lethe(['mailbox', '--help'])
  t.equal(family.code, 0)
  t.match(family.stdout, /lethe mailbox new .*\n.*lethe mailbox show /)
})

test('send says plainly who can read what', async (t) => {
  const { lethe } = await createShell(t)
  const { stdout } = await lethe(['send', '--help'])
  t.match(stdout.replaceAll('\n', ' '), /should be encrypted already.*the relay's operator could read what is not/)
})

test('--version prints that of package.json', async (t) => {
  const { lethe } = await createShell(t)
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  t.match(await lethe(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
})

test('a wrong command line is one line on standard error, and exit code 64', async (t) => {
  const { lethe } = await createShell(t)
  const address = 'A'.repeat(43)
  const wrong: [string[], RegExp][] = [
    [[], /^a command is missing \(see: lethe --help\)\n$/],
    [['fly'], /^unknown command "fly"/],
    [['--fly'], /^unknown option "--fly"/],
    [['fly\u001b[2J\nx'], /^unknown command "fly\\u001b\[2J\\nx"/],
    [['mailbox'], /^lethe mailbox: say which: lethe mailbox new, lethe mailbox show\n$/],
    [['mailbox', 'fly'], /^lethe mailbox: say which/],
    [['mailbox', 'new', '--fly'], /^lethe mailbox new: unknown option --fly \(see: lethe mailbox new --help\)\n$/],
    [['mailbox', 'new', '-x'], /unknown option -x/],
    [['mailbox', 'new', '--file'], /--file needs a value/],
    [['mailbox', 'new', '--file', '--force'], /--file needs a value/],
    [['mailbox', 'new', '--force=yes'], /--force takes no value/],
    [['mailbox', 'show', 'more'], /too many arguments/],
    [['send'], /it needs ADDRESS \[FILE\]/],
    [['send', address, 'a', 'b'], /too many arguments/],
    [['send', 'bob'], /ADDRESS is 43 characters/],
    [['send', address, '--ttl', '1d'], /--ttl takes a whole number of seconds/],
    [['send', address, '--ttl=-1'], /--ttl takes a whole number of seconds/],
    [['send', address, '--relay', 'relay.example'], /A relay is named by/],
    [['receive', '--relay'], /--relay needs a value/],
    [['serve', 'now'], /too many arguments/],
    [['config', '--fly'], /takes --json and --help only/],
    [['healthcheck', '--url', 'here'], /--url takes a URL/],
    [['demo', '--fly'], /unknown option --fly/],
  ]
  for (const [args, message] of wrong) {
    const { code, stdout, stderr } = await lethe(args)
    t.same([code, stdout], [64, ''], args.join(' '))
    t.match(stderr, message, args.join(' '))
    t.equal(stderr.split('\n').length, 2, 'one line')
  }
})

test('serve and config refuse a wrong configuration with 78', async (t) => {
  const { lethe } = await createShell(t)
  for (const command of ['serve', 'config']) {
    const { code, stderr } = await lethe([command], { env: { LETHE_PORT: 'many' } })
    t.equal(code, 78, command)
    t.match(stderr, /LETHE_PORT/)
    t.notMatch(stderr, /\bat .*:\d+:\d+/, 'no stack')
  }
})

test('healthcheck says whether the relay of this environment is ready', async (t) => {
  const { lethe, start } = await createShell(t)
  const [port, adminPort] = [await findFreePort(), await findFreePort()]
  const env = { LETHE_PORT: String(port), LETHE_ADMIN_PORT: String(adminPort) }
  t.match(await lethe(['healthcheck'], { env }), { code: 1, stdout: '', stderr: 'not ready: no answer\n' })

  const relay = start(['serve'], { env })
  t.teardown(() => relay.child.kill())
  await new Promise<void>((resolve) => {
    relay.child.stderr?.on('data', (chunk: string) => chunk.includes('"listening"') && resolve())
  })
  t.match(await lethe(['healthcheck'], { env }), { code: 0, stdout: 'ready\n', stderr: '' })
  for (const host of ['0.0.0.0', '127.0.0.1']) {
    t.match(await lethe(['healthcheck'], { env: { ...env, LETHE_ADMIN_HOST: host } }), { code: 0 }, host)
  }
  const url = `http://127.0.0.1:${adminPort}`
  t.match(await lethe(['healthcheck', '--url', `${url}/livez`]), { code: 0 })
  t.match(await lethe(['healthcheck', '--url', `${url}/nowhere`]), { code: 1, stderr: 'not ready: 404\n' })
  t.match(await lethe(['healthcheck'], { env: { LETHE_ADMIN_PORT: 'x' } }), { code: 78, stderr: /LETHE_ADMIN_PORT/ })
  relay.child.kill('SIGTERM')
  t.equal((await relay.finished).code, 0)
})

test('the demo runs to its end, and nothing is left', async (t) => {
  const { lethe } = await createShell(t)
  const { code, stdout, stderr } = await lethe(['demo'])
  t.same([code, stderr], [0, ''])
  const held = [...stdout.matchAll(/The store holds (nothing|\d+)/g)].map(([, what]) => what)
  t.same(held, ['nothing', 'nothing', '200', '100', 'nothing'])
  t.match(stdout, /Every message arrived, once and in order: 100 at Ann's, 300 at Bob's\./)
  t.notOk(stdout.includes('\u001b'), 'plain where there is no terminal')
})
