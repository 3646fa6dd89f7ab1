import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exited, killOnExit } from '../_util/child-process.ts'
import { startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const EXIT_CONFIG = 78
/** What Node says when its inspector opens, and when another process has taken its port. */
const INSPECTOR_WORDS = /Debugger listening|Starting inspector/

const OPTIONS = [
  '--inspect=0',
  '--heapsnapshot-signal=SIGUSR2',
  '--heapsnapshot_near_heap_limit=1',
  '--heap-prof',
  '--cpu-prof',
  '--report-on-signal',
  '--report-on-fatalerror',
  '--report-uncaught-exception',
  '--tls-keylog=keys',
]

const QUIET_PORTS = { LETHE_HOST: '127.0.0.1', LETHE_PORT: '0', LETHE_ADMIN_PORT: '0' }

/** Runs Node in an environment of exactly these variables: env(1) drops those that the test runner adds to every child. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = tmpdir()) {
  const variables = Object.entries({ PATH: process.env.PATH ?? '', ...env }).map(([name, value]) => `${name}=${value}`)
  const command = ['-i', ...variables, process.execPath, ...args]
  const child = spawn('env', command, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  killOnExit(child)
  let stderr = ''
  child.stdout.resume()
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  return { child, stderr: () => stderr }
}

async function checkRefused(t: Test, child: ChildProcess, stderr: () => string, what: RegExp): Promise<void> {
  t.equal(await exited(child), EXIT_CONFIG)
  const lines = stderr()
    .split('\n')
    .filter((line) => line.includes('a relay does not start'))
  t.equal(lines.length, 1, 'one line')
  t.match(lines[0], what)
  t.notMatch(stderr(), '"listening"')
}

test('a signal opens the inspector of a Node process, and not of a relay', async (t) => {
  // First that this test would see it.
  const plain = run(['-e', 'process.stdout.write("up"); setInterval(() => {}, 1000)'])
  await new Promise((resolve) => plain.child.stdout.once('data', resolve))
  plain.child.kill('SIGUSR1')
  await eventually(() => INSPECTOR_WORDS.test(plain.stderr()))
  plain.child.kill('SIGKILL')
  await exited(plain.child)

  const relay = await startRelay()
  t.teardown(() => relay.stop())
  for (let round = 0; round < 20; round++) {
    process.kill(relay.pid, 'SIGUSR1')
    t.equal((await fetch(`${relay.url}/v1/info`)).status, 200)
  }
  t.equal(await relay.stop(), 0)
  t.notMatch(relay.stderr(), INSPECTOR_WORDS)
})

test('a core dump of a relay holds no memory, and one that `npm start` runs leaves none', async (t) => {
  const relay = await startRelay()
  t.teardown(() => relay.stop())
  t.not(Number.parseInt(readFileSync('/proc/self/coredump_filter', 'latin1'), 16), 0, 'as it is without a relay')
  t.equal(Number.parseInt(readFileSync(`/proc/${relay.pid}/coredump_filter`, 'latin1'), 16), 0)

  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const started = spawn('env', ['-u', 'NODE_OPTIONS', 'sh', '-c', scripts.start], {
    cwd: root,
    env: { PATH: process.env.PATH, ...QUIET_PORTS },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  killOnExit(started)
  t.teardown(() => started.kill('SIGKILL'))
  let stderr = ''
  started.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  await eventually(() => stderr.includes('"listening"'))
  t.match(readFileSync(`/proc/${started.pid}/limits`, 'latin1'), /^Max core file size +0 +0 /m)
  t.match(readFileSync(`/proc/${started.pid}/cmdline`, 'latin1'), /^node/, 'no shell is left in between')
  started.kill('SIGTERM')
  t.equal(await exited(started), 0)
})

test('no relay starts with an option that lets memory or traffic out', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-hardening-'))
  for (const option of OPTIONS) {
    const { child, stderr } = run([option, CLI, 'serve'], {}, folder)
    const [name = ''] = option.replaceAll('_', '-').split('=')
    await checkRefused(t, child, stderr, new RegExp(name))
  }
  t.notOk(
    readdirSync(folder).some((name) => name.startsWith('report.') || name.startsWith('Heap-')),
    'and none was written',
  )
})

test('the environment counts as well', async (t) => {
  for (const [name, value] of [
    ['NODE_OPTIONS', '--inspect=0'],
    ['NODE_OPTIONS', '--max-old-space-size=100 --report-on-signal'],
    ['NODE_DEBUG', 'http'],
    ['DEBUG', 'ioredis:*'],
  ] as const) {
    const { child, stderr } = run([CLI, 'serve'], { [name]: value })
    await checkRefused(t, child, stderr, name === 'NODE_OPTIONS' ? /--(inspect|report)/ : new RegExp(`${name} set`))
  }
})

test('harmless options do no harm', async (t) => {
  const env = { ...QUIET_PORTS, NODE_OPTIONS: '--max-old-space-size=200' }
  const { child, stderr } = run(['--enable-source-maps', CLI, 'serve'], env)
  await eventually(() => stderr().includes('"listening"'))
  child.kill('SIGTERM')
  t.equal(await exited(child), 0)
})
