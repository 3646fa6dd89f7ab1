import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startRedis } from '../_util/redis.ts'
import { startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const run = promisify(execFile)
const SECRET_LINE =
  "export LETHE_STORE_SECRET=$(node -e \"console.log(require('node:crypto').randomBytes(32).toString('base64url'))\")"
const readme = await readFile('README.md', 'utf8')

/** Every command line of the README. */
const commands = [...readme.matchAll(/```(\w*)\n([\s\S]*?)```/g)].flatMap(([, language, text = '']) =>
  language === 'sh' ? text.trim().split('\n') : [`a block that is no sh: ${language}`],
)

/**
 * Commands that a test elsewhere runs: its file, and words of it that show that it does. Whoever adds a command to the README
 * either runs it here or adds it here.
 */
const RUN_ELSEWHERE: Record<string, { file: string; words: string }> = {
  'npm ci && npm test': { file: '.ci/run', words: 'npm test' },
  'deploy/init https://localhost:8443': { file: 'ops/verify/compose', words: '/deploy/init" "$origin"' },
  'docker compose -f deploy/compose.yaml up --build --detach': { file: 'ops/verify/compose', words: 'compose up' },
  'docker compose -f deploy/compose.yaml exec relay-1 lethe audit': {
    file: 'ops/verify/compose',
    words: 'lethe audit',
  },
}

const ranHere = new Set<string>()

/** A command line of the README that the caller runs, as far as can be: on ports and a Redis of its own. */
function ran(command: string): string {
  ranHere.add(command)
  return command
}

async function createHome(t: Test): Promise<Record<string, string>> {
  const home = await mkdtemp(join(tmpdir(), 'lethe-readme-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  return { PATH: process.env.PATH ?? '', HOME: home, npm_config_update_notifier: 'false' }
}

/** Starts `npm start` as a reader would and gives what it printed once it has said its last words. npm does not pass signals on to all. */
async function npmStart(t: Test, env: Record<string, string>, lastWords = '"listening"'): Promise<string> {
  const child: ChildProcess = spawn('npm', ['start'], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
  t.teardown(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGTERM')
    else return
    await ended
    await eventually(() => output.includes('"stopped"'))
  })
  await eventually(() => output.includes(lastWords), { timeoutMs: 60_000 })
  return output
}

test('both commands for a newcomer stand before the first heading, the start first', async (t) => {
  const [top = ''] = readme.split('\n## ')
  t.ok(top.indexOf('npm ci && npm start') > 0)
  t.ok(top.indexOf('npm ci && npm test') > top.indexOf('npm ci && npm start'))
})

test('npm start says where it listens, that it forgets, and what to try', async (t) => {
  const env = { ...(await createHome(t)), LETHE_PORT: '0', LETHE_ADMIN_PORT: '0' }
  const output = await npmStart(t, env, 'Ctrl-C stops it')
  ran('npm ci && npm start')
  t.match(output, /listens on http:\/\/localhost:\d+/)
  t.match(output, /forgets all of them when it exits/)
  t.match(output, /npx lethe mailbox new/)
  t.match(output, /npx lethe receive --relay http:\/\/localhost:\d+ /, 'with the relay, where it is not the usual one')
})

test('a message from one terminal to the other', async (t) => {
  const env = await createHome(t)
  const relay = await startRelay()
  t.teardown(() => relay.stop())
  const shell = async (command: string) => (await run('sh', ['-c', command], { env })).stdout
  const address = /[A-Za-z0-9_-]{43}/.exec(await shell(ran('npx lethe mailbox new')))?.[0] as string
  const send = ran('echo hello | npx lethe send ADDRESS').replace('ADDRESS', address)
  await shell(`${send} --relay ${relay.url}`)
  t.equal(await shell(`${ran('npx lethe receive')} --relay ${relay.url}`), 'hello\n')
})

test('with Redis', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const { stdout } = await run('sh', ['-c', `${ran(SECRET_LINE)}; echo $LETHE_STORE_SECRET`])
  const output = await npmStart(t, {
    ...(await createHome(t)),
    LETHE_PORT: '0',
    LETHE_ADMIN_PORT: '0',
    LETHE_REDIS_URL: ran('export LETHE_REDIS_URL=redis://127.0.0.1:6379') && redis.url,
    LETHE_STORE_SECRET: stdout.trim(),
  })
  ran('npm start')
  t.match(output, /"store":"node"/)
  t.notMatch(output, stdout.trim())
})

test('npm run demo loses nothing', async (t) => {
  const { stdout } = await run('sh', ['-c', ran('npm run demo')], { env: await createHome(t), timeout: 60_000 })
  t.match(stdout, /Every message arrived/)
})

test('every command of the README is run by a test', async (t) => {
  t.ok(commands.length > 5)
  for (const command of commands) {
    if (ranHere.has(command)) continue
    const elsewhere = RUN_ELSEWHERE[command]
    if (elsewhere) t.match(await readFile(elsewhere.file, 'utf8'), elsewhere.words, command)
    else t.fail(`neither run here nor in RUN_ELSEWHERE: ${command}`)
  }
})
