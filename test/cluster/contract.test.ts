import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { startCluster } from '../_util/cluster.ts'
import { test } from '../_util/tap.ts'
import { Bench, type Contract } from '../contract/bench.ts'
import { runContract } from '../contract/mailbox-store.ts'
import { wakeUpCases } from '../contract/wake-ups.ts'

// One cluster for all: every case works on queues of its own.
const cluster = await startCluster()
const hosts = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))

function contractOf(wakeBits: 12 | 16): Contract {
  const target = { kind: 'cluster', hosts, tls: false } as const
  return {
    create: () => ({ open: () => new RedisMailboxStore({ target, minReplicas: 0, wakeBits }) }),
    isShared: true,
    isSelective: wakeBits > 12,
  }
}

runContract('Redis Cluster', contractOf(12))

test("what the store's contract says of wake-ups, Redis Cluster, 16 wake bits", async (t) => {
  const contract = contractOf(16)
  for (const [title, body] of Object.entries(wakeUpCases(contract))) {
    const world = await contract.create()
    await t.test(title, (t) => body(t, new Bench(t, world)))
  }
})

test('the cluster ends when its tests have', async (t) => {
  await t.resolves(cluster.stop())
})
