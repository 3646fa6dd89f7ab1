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
const readme = await readFile('README.md', 'utf8')

/** Every shell block of the README, each as its lines. */
const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text = '']) => text.trim().split('\n'))

async function createHome(t: Test): Promise<Record<string, string>> {
  const home = await mkdtemp(join(tmpdir(), 'lethe-readme-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  return { PATH: process.env.PATH ?? '', HOME: home, npm_config_update_notifier: 'false' }
}

/** Starts `npm start` as a reader would and gives what it printed once it listens. npm does not pass signals on to all. */
async function npmStart(t: Test, env: Record<string, string>): Promise<string> {
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
  await eventually(() => output.includes('"listening"'), { timeoutMs: 60_000 })
  return output
}

test('the README shows these commands and no others', async (t) => {
  t.same(blocks, [
    ['npm ci && npm start'],
    ['npm ci && npm test'],
    ['npx lethe mailbox new', 'echo hello | npx lethe send ADDRESS', 'npx lethe receive'],
    ['npm run demo'],
    ['export LETHE_REDIS_URL=redis://127.0.0.1:6379', 'npm start'],
  ])
})

test('npm start says where it listens, that it forgets, and what to try', async (t) => {
  const output = await npmStart(t, { ...(await createHome(t)), LETHE_PORT: '0', LETHE_ADMIN_PORT: '0' })
  t.match(output, /listens on http:\/\/localhost:\d+/)
  t.match(output, /forgets all of them when it exits/)
  t.match(output, /npx lethe mailbox new/)
})

test('a message from one terminal to the other', async (t) => {
  const env = await createHome(t)
  const relay = await startRelay()
  t.teardown(() => relay.stop())
  const [make, send, receive] = blocks[2] as [string, string, string]
  const shell = async (command: string) => (await run('sh', ['-c', command], { env })).stdout
  const address = /[A-Za-z0-9_-]{43}/.exec(await shell(make))?.[0] as string
  await shell(`${send.replace('ADDRESS', address)} --relay ${relay.url}`)
  t.equal(await shell(`${receive} --relay ${relay.url}`), 'hello\n')
})

test('with Redis', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const [, secretLine = ''] = blocks[4] as string[]
  const { stdout } = await run('sh', ['-c', `${secretLine}; echo $LETHE_STORE_SECRET`])
  const output = await npmStart(t, {
    ...(await createHome(t)),
    LETHE_PORT: '0',
    LETHE_ADMIN_PORT: '0',
    LETHE_REDIS_URL: redis.url,
    LETHE_STORE_SECRET: stdout.trim(),
  })
  t.match(output, /"store":"node"/)
  t.notMatch(output, stdout.trim())
})

test('npm run demo loses nothing', async (t) => {
  const { stdout } = await run('npm', ['run', 'demo'], { env: await createHome(t), timeout: 60_000 })
  t.match(stdout, /Every message arrived/)
})
