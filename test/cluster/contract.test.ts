import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { startCluster } from '../_util/cluster.ts'
import { test } from '../_util/tap.ts'
import { Bench, type Contract } from '../contract/bench.ts'
import { runContract } from '../contract/mailbox-store.ts'
import { wakeUpCases } from '../contract/wake-ups.ts'
import { restrict } from './restrict.ts'

// One cluster for all: every case works on queues of its own. Its nodes have the users of deploy/redis/users.acl.
const cluster = await startCluster()
const password = 'of-this-test'
for (const node of cluster.nodes) await restrict(node, password)
const hosts = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))

function contractOf(wakeBits: 12 | 16 | 20 | 24): Contract {
  const access = { username: 'lethe', password: { reveal: () => password } }
  const target = { kind: 'cluster', hosts, tls: false, ...access } as const
  return {
    create: () => ({ open: () => new RedisMailboxStore({ target, minReplicas: 0, wakeBits }) }),
    isShared: true,
    isSelective: wakeBits > 12,
  }
}

runContract("Redis Cluster as the relay's user", contractOf(12))

for (const wakeBits of [16, 20, 24] as const) {
  test(`[protocol §8] what the store's contract says of wake-ups, Redis Cluster, ${wakeBits} wake bits`, async (t) => {
    const contract = contractOf(wakeBits)
    for (const [title, body] of Object.entries(wakeUpCases(contract))) {
      const world = await contract.create()
      await t.test(title, (t) => body(t, new Bench(t, world)))
    }
  })
}

test('on every node of the cluster that user is refused anything else', async (t) => {
  const own = 'lethe1:{000}:AAAAAAAAAAAAAAAAAAAAAA'
  for (const node of cluster.nodes) {
    const asRelay = (line: string) =>
      node.cli('--no-auth-warning', '--user', 'lethe', '--pass', password, ...line.split(' '))
    t.match(await asRelay('CONFIG GET save'), 'save')
    for (const line of ['FLUSHALL', 'CONFIG SET save 1', 'MONITOR', 'KEYS *', `DUMP ${own}`, 'CLUSTER RESET', 'GET a'])
      await t.rejects(asRelay(line), /NOPERM.*no permissions to run the/, line)
    await t.rejects(asRelay('XLEN user:1'), /NOPERM.*key/)
    await t.rejects(asRelay('SPUBLISH a x'), /NOPERM.*channel/)
    await t.rejects(node.cli('PING'), /NOAUTH/)
  }
})

test('the cluster ends when its tests have', async (t) => {
  await t.resolves(cluster.stop())
})
