import { type RedisCluster, startCluster } from '../_util/cluster.ts'
import type { RedisServer } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createStoreSecret } from '../conformance/stores.ts'
import { Traffic } from '../traffic/traffic.ts'
import { keysOf } from './contents.ts'

const PATIENCE = { timeoutMs: 45_000, intervalMs: 100 }
/** Longer than a relay waits for Redis, shorter than a client waits for a relay. */
const ANSWER_MS = 12_000

async function isMaster(node: RedisServer): Promise<boolean> {
  return (await node.cli('INFO', 'replication')).includes('role:master')
}

async function isReplica(node: RedisServer): Promise<boolean> {
  const replication = await node.cli('INFO', 'replication')
  return replication.includes('role:slave') && replication.includes('master_link_status:up')
}

/** The replica of a master. */
async function replicaOf(master: RedisServer, { nodes }: RedisCluster): Promise<RedisServer> {
  const replication = await master.cli('INFO', 'replication')
  const replica = nodes.find(({ port }) => replication.includes(`port=${port},`))
  if (!replica) throw new Error(`no replica:\n${replication}`)
  return replica
}

/** A master is lost for good, its replica takes its place, and it comes back empty as the replica. */
async function killMaster(cluster: RedisCluster, master: RedisServer): Promise<void> {
  const replica = await replicaOf(master, cluster)
  await master.kill()
  await eventually(() => isMaster(replica), PATIENCE)
  await master.restart()
  await eventually(() => isReplica(master), PATIENCE)
}

/** A master answers nobody until its replica has taken its place; then it answers again and learns that it has none. */
async function hangMaster(cluster: RedisCluster, master: RedisServer): Promise<void> {
  const replica = await replicaOf(master, cluster)
  master.pause()
  await eventually(() => isMaster(replica), PATIENCE)
  master.resume()
  await eventually(() => isReplica(master), PATIENCE)
}

test('masters of a cluster are lost under traffic, LETHE_REDIS_MIN_REPLICAS=1', async (t) => {
  const cluster = await startCluster({ masters: 3, replicas: 3 })
  t.teardown(() => cluster.stop())
  const traffic = new Traffic(t, { online: 12, offline: 6, senders: 12, pauseMs: 40 })
  const env = {
    LETHE_REDIS_URL: cluster.url,
    LETHE_STORE_SECRET: createStoreSecret(),
    LETHE_REDIS_MIN_REPLICAS: '1',
  }
  for (const instance of [0, 1]) await traffic.fleet.start(instance, env)
  traffic.begin()
  await traffic.flows()
  await killMaster(cluster, cluster.nodes[0] as RedisServer)
  await traffic.flows()
  await hangMaster(cluster, cluster.nodes[1] as RedisServer)
  await traffic.flows()
  await traffic.end(t)
  t.same(traffic.closes, [], 'no socket was closed')
  t.ok(traffic.slowestMs < ANSWER_MS, `all were answered, the slowest after ${traffic.slowestMs} ms`)
  await traffic.finish(t, async () => (await Promise.all(cluster.nodes.map(keysOf))).flat().length === 0)
})
