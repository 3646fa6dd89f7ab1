import { randomBytes } from 'node:crypto'
import { startRelay as startInProcess } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { UnsafeStoreError } from '../../src/disclosure/store-guard.ts'
import { createEvents } from '../../src/telemetry/events.ts'
import { startCluster } from '../_util/cluster.ts'
import type { GuardedRedis } from '../_util/guarded-redis.ts'
import { findFreePort } from '../_util/ports.ts'
import { startRedis } from '../_util/redis.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { START_VALUES } from './audit-cases.ts'
import { type Env, envOf, shippedRedis, speak } from './audit-setup.ts'

const RECOVERY = { timeoutMs: 30_000, intervalMs: 100 }
const UNSAFE_PAGE = 'the store is unsafe'

/** Why a relay of this environment does not start. */
async function refusal(env: Env): Promise<string> {
  const config = loadConfig({ LETHE_PORT: '0', LETHE_ADMIN_PORT: '0', ...env })
  try {
    const relay = await startInProcess(config, { events: createEvents(() => {}) })
    await relay.drain()
    return 'it starts'
  } catch (error) {
    if (error instanceof UnsafeStoreError) return error.message
    throw error
  }
}

async function startFor(t: Test, env: Env): Promise<Relay> {
  const relay = await startRelay(env)
  t.teardown(() => relay.stop())
  return relay
}

async function depositStatus(relay: Relay): Promise<number> {
  const body = Buffer.concat([randomBytes(32), randomBytes(4_000)])
  const headers = { 'content-type': 'application/octet-stream' }
  return (await fetch(`${relay.url}/v1/deposit`, { method: 'POST', headers, body })).status
}

async function isReady({ adminUrl }: Relay): Promise<boolean> {
  return (await fetch(`${adminUrl}/readyz`)).status === 200
}

async function unsafeStoreOf(relay: Relay): Promise<string[]> {
  const info = (await (await fetch(`${relay.url}/v1/info`)).json()) as { unsafeStore: string[] }
  return info.unsafeStore
}

/** What the log says of it: setting, number of settings, whether the store is used. */
function loggedBy(relay: Relay): [string, number, boolean][] {
  const lines = relay.stderr().split('\n')
  return lines
    .filter((line) => line.includes('"unsafe-store"'))
    .map((line) => JSON.parse(line))
    .map(({ by, count, used }) => [by, count, used])
}

async function setting(redis: GuardedRedis, name: string): Promise<string> {
  return (await redis.admin('CONFIG', 'GET', name)).split('\n')[1] ?? ''
}

test('a relay does not start on a store with any setting that it must not have, and names it', async (t) => {
  const redis = await shippedRedis(t)
  t.equal(await refusal(envOf(redis)), 'it starts')
  for (const [name, bad] of Object.entries(START_VALUES)) {
    const good = await setting(redis, name)
    await redis.admin('CONFIG', 'SET', name, bad)
    const [line, last, ...others] = (await refusal(envOf(redis))).split('\n')
    await redis.admin('CONFIG', 'SET', name, good)
    t.match(line, `127.0.0.1:${redis.port}: ${name} is ${JSON.stringify(bad)}. Put \`${name} `)
    t.match(last, 'LETHE_ALLOW_UNSAFE_STORE=true')
    t.same(others, [], `${name} is all it names`)
  }
})

test('nor while somebody runs MONITOR, nor where it may not read the settings', async (t) => {
  const redis = await shippedRedis(t)
  const end = await speak(t, redis.port, [`AUTH admin ${redis.password}`, 'MONITOR'])
  t.match(await refusal(envOf(redis)), `127.0.0.1:${redis.port}: 1 connections that run MONITOR.`)
  await end()
  await redis.admin('ACL', 'SETUSER', 'lethe', '-config|get', '-client|list')
  const lines = (await refusal(envOf(redis))).split('\n')
  for (const name of Object.keys(START_VALUES)) {
    t.ok(
      lines.some((line) => line.includes(`: ${name} cannot be read`)),
      name,
    )
  }
  t.ok(lines.some((line) => line.includes('the list of clients cannot be read')))
})

test('as a process it ends with 1, one line for each setting, and stores nothing', async (t) => {
  const redis = await startRedis({ args: ['--save', '3600 1', '--appendonly', 'yes'] })
  t.teardown(() => redis.stop())
  const error = await startRelay(envOf({ relayUrl: redis.url })).catch((reason: Error) => reason)
  if (!(error instanceof Error)) return t.fail('it started')
  t.match(error.message, 'ended before it was listening (1)')
  t.match(error.message, /: save is "3600 1"\. .*\n.*: appendonly is "yes"\. .*\n.*LETHE_ALLOW_UNSAFE_STORE=true/)
  t.notMatch(error.message, '"store-up"')
})

test('allowed, it starts, and says so in the log, in /v1/info and on the page', async (t) => {
  const redis = await startRedis({ args: ['--save', '3600 1', '--slowlog-log-slower-than', '0'] })
  t.teardown(() => redis.stop())
  const relay = await startFor(t, envOf({ relayUrl: redis.url }, { LETHE_ALLOW_UNSAFE_STORE: 'true' }))
  const unsafeBy = ['save', 'slowlog-log-slower-than']
  t.same(await unsafeStoreOf(relay), unsafeBy)
  t.same(
    loggedBy(relay),
    unsafeBy.map((by) => [by, 2, true]),
  )
  const page = await (await fetch(relay.url)).text()
  t.match(page, UNSAFE_PAGE)
  t.ok(page.includes(unsafeBy.join(', ')))
  t.equal(await depositStatus(relay), 202)
})

test('a safe store is unsafe by nothing, and the page does not speak of it', async (t) => {
  const redis = await shippedRedis(t)
  const relay = await startFor(t, envOf(redis, { LETHE_ALLOW_UNSAFE_STORE: 'true' }))
  t.same(await unsafeStoreOf(relay), [])
  t.same(loggedBy(relay), [])
  t.notMatch(await (await fetch(relay.url)).text(), UNSAFE_PAGE)
})

test('a store that was away at the start and comes unsafe is not used until it is mended', async (t) => {
  const port = await findFreePort()
  const relay = await startFor(t, envOf({ relayUrl: `redis://127.0.0.1:${port}` }))
  const redis = await startRedis({ port, args: ['--appendonly', 'yes'] })
  t.teardown(() => redis.stop())
  await eventually(() => loggedBy(relay).length > 0, RECOVERY)
  t.same(loggedBy(relay), [['appendonly', 1, false]])
  t.equal(await isReady(relay), false)
  t.equal(await depositStatus(relay), 503)
  t.same(await unsafeStoreOf(relay), [], 'it is not used')
  t.equal(await redis.cli('DBSIZE'), '0')
  await redis.cli('CONFIG', 'SET', 'appendonly', 'no')
  await eventually(() => isReady(relay), RECOVERY)
  t.equal(await depositStatus(relay), 202)
  t.equal(await redis.cli('DBSIZE'), '1')
})

test('a store that comes back unsafe is not used any more, and nothing gets into it', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const relay = await startFor(t, envOf({ relayUrl: redis.url }))
  t.equal(await depositStatus(relay), 202)
  await redis.stop()
  const other = await startRedis({ port: redis.port, args: ['--save', '3600 1'] })
  t.teardown(() => other.stop())
  const statuses = new Set<number>()
  await eventually(async () => {
    statuses.add(await depositStatus(relay))
    return loggedBy(relay).length > 0
  }, RECOVERY)
  for (let i = 0; i < 5; i++) statuses.add(await depositStatus(relay))
  t.same([...statuses], [503])
  t.equal(await other.cli('DBSIZE'), '0')
  await other.cli('CONFIG', 'SET', 'save', '')
  await eventually(() => isReady(relay), RECOVERY)
  t.equal(await depositStatus(relay), 202, 'mended, it is used')
  t.match(relay.stderr(), '"store-replaced"', 'and known to be another one')
})

test('one unsafe node of a Cluster keeps a relay from starting, and all of them are named', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.stop())
  const [, second, third] = cluster.nodes
  for (const node of [second, third]) await node?.cli('CONFIG', 'SET', 'loglevel', 'debug')
  // A relay does not wait for nodes that answer late: it starts, and does not use them until they are looked at.
  await eventually(async () => {
    const lines = (await refusal(envOf({ relayUrl: cluster.url }))).split('\n').slice(0, -1)
    t.strictSame(
      lines.filter((line) => !/^127\.0\.0\.1:\d+: loglevel is "debug"\. /.test(line)),
      [],
      'nothing else is wrong with any',
    )
    return [second, third].every((node) => lines.some((line) => line.startsWith(`127.0.0.1:${node?.port}: `)))
  }, RECOVERY)
})
