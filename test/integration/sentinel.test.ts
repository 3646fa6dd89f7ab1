import type { Redis } from 'ioredis'
import { parseStoreTarget } from '../../src/config/store-target.ts'
import { closeClient, createClient, type RedisTarget } from '../../src/store/redis/client.ts'
import type { RedisServer } from '../_util/redis.ts'
import { type SentinelGroup, startSentinelGroup } from '../_util/sentinel.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createStoreSecret } from '../conformance/stores.ts'
import { Traffic } from '../traffic/traffic.ts'

const PATIENCE = { timeoutMs: 45_000, intervalMs: 100 }
/** Longer than a relay waits for Redis, shorter than a client waits for a relay. */
const ANSWER_MS = 12_000
/** The master is another process now, and an open channel cannot tell whether it holds what the old one held. */
const STORE_LOST = 4503

/** Ends the master as a crash does, and resolves when another one has its place. */
async function killMaster(group: SentinelGroup): Promise<RedisServer> {
  const master = await group.master()
  await master.kill()
  await eventually(async () => (await group.master()) !== master, PATIENCE)
  return master
}

test('redis+sentinel://: the master is lost under traffic, twice, and the relays go on', async (t) => {
  const group = await startSentinelGroup({ replicas: 2 })
  t.teardown(() => group.stop())
  const env = {
    LETHE_REDIS_URL: group.url,
    LETHE_STORE_SECRET: createStoreSecret(),
    LETHE_REDIS_MIN_REPLICAS: '1',
  }
  const traffic = new Traffic(t, { online: 8, offline: 4, senders: 6, pauseMs: 20 })
  for (const instance of [0, 1]) await traffic.fleet.start(instance, env)
  traffic.begin()
  await traffic.flows()

  const first = await killMaster(group)
  await traffic.flows()
  // It comes back empty, and for a moment takes itself for the master still.
  await first.restart()
  await eventually(async () => (await first.cli('INFO', 'replication')).includes('master_link_status:up'), PATIENCE)
  await traffic.flows()
  await killMaster(group)
  await traffic.flows()

  await traffic.end(t)
  t.same(
    traffic.closes.filter((code) => code !== STORE_LOST),
    [],
    'sockets were closed for no other reason',
  )
  t.ok(traffic.slowestMs < ANSWER_MS, `all were answered, the slowest after ${traffic.slowestMs} ms`)
  await traffic.finish(t, async () => (await (await group.master()).cli('DBSIZE')) === '0')
})

test('redis+sentinel://: a failover that is announced while the master is looked for ends no client', async (t) => {
  const group = await startSentinelGroup({ replicas: 0 })
  t.teardown(() => group.stop())
  const client = createClient(parseStoreTarget(group.url) as RedisTarget, undefined) as Redis
  t.teardown(() => closeClient(client))
  await client.connect()
  const { connector } = client as unknown as { connector: { disconnect(): void } }
  // As ioredis's own failover detector does it.
  client.once('connecting', () => setImmediate(() => connector.disconnect()))
  client.disconnect(true)
  await new Promise<void>((resolve) => client.once('end', () => resolve()))
  await eventually(async () => (await client.ping()) === 'PONG', PATIENCE)
  t.equal(client.status, 'ready')
})
