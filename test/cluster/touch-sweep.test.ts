import { Cluster, type Redis } from 'ioredis'
import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { startCluster } from '../_util/cluster.ts'
import { countIdle, createBucketKey, makeIdle, withRedis } from '../_util/idle-keys.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const KEYS = Array.from({ length: 300 }, createBucketKey)
const PERIOD_SECONDS = 8

test('buckets are touched on every master and every replica', async (t) => {
  const { nodes, stop } = await startCluster({ masters: 3, replicas: 3 })
  t.teardown(stop)
  const hosts = nodes.slice(0, 3).map(({ port }) => ({ host: '127.0.0.1', port }))
  const cluster = new Cluster([...hosts])
  t.teardown(() => cluster.disconnect())
  await makeIdle(cluster as unknown as Redis, KEYS)

  const ports = nodes.map(({ port }) => port)
  const idle = (port: number) => withRedis(port, async (redis) => countIdle(redis, await keysOf(redis)))
  const heldBy = (port: number) => withRedis(port, async (redis) => (await keysOf(redis)).length)
  await eventually(async () => sum(await Promise.all(ports.map(heldBy))) === 2 * KEYS.length)
  for (const port of ports) {
    const held = await heldBy(port)
    t.ok(held > 50, 'the node has its share of the buckets')
    await eventually(async () => (await idle(port)) === held)
  }

  const options = { target: { kind: 'cluster', hosts, tls: false }, minReplicas: 0, wakeBits: 12 } as const
  const store = new RedisMailboxStore({ ...options, sweep: { periodSeconds: PERIOD_SECONDS } })
  t.teardown(() => store.close())
  await store.start({ up() {}, wake() {}, announced() {}, down() {}, replaced() {} })
  for (const port of ports) {
    await eventually(async () => (await idle(port)) === 0, { timeoutMs: 30_000, intervalMs: 250 }).catch(() => {})
    t.equal(await idle(port), 0, 'and none of it is idle any more')
  }
})

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** Buckets on one node, which as a replica tells of them only who asks for that. */
async function keysOf(redis: Redis): Promise<string[]> {
  await redis.readonly()
  return await redis.keys('lethe1:*')
}
