import type { Cluster } from 'ioredis'
import { closeClient, createClient } from '../../src/store/redis/client.ts'
import { PARTITIONS, partitionChannel } from '../../src/store/redis/keys.ts'
import { startCluster } from '../_util/cluster.ts'
import type { RedisServer } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { range } from '../conformance/client.ts'

const PATIENCE = { timeoutMs: 40_000 }

// A claim that is sent once more, when whoever made it has given up, displaces a session that was opened since.
test('[protocol §5] what cannot be sent to a node of a Cluster fails at once, and is not sent later', async (t) => {
  const cluster = await startCluster({ node: { args: ['--cluster-require-full-coverage', 'no'] } })
  t.teardown(() => cluster.stop())
  const hosts = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
  const client = createClient({ kind: 'cluster', hosts, tls: false }, undefined) as Cluster
  t.teardown(() => closeClient(client))
  await client.connect()
  const channels = range(0, PARTITIONS / 64).map(partitionChannel)
  for (const channel of channels) t.equal(await client.spublish(channel, 'a'), 0)

  await (cluster.nodes[1] as RedisServer).kill()
  await eventually(() => client.nodes('master').filter(({ status }) => status !== 'ready').length === 1, PATIENCE)
  const outcomes = new Map<string, string>()
  for (const channel of channels) {
    client.spublish(channel, 'a').then(
      () => outcomes.set(channel, 'sent'),
      () => outcomes.set(channel, 'refused'),
    )
  }
  await new Promise((resolve) => setImmediate(resolve))
  const refused = channels.filter((channel) => outcomes.get(channel) === 'refused')
  t.ok(refused.length > 0, 'before anything else happens')
  await eventually(() => outcomes.size === channels.length, PATIENCE)
  t.same(
    channels.filter((channel) => outcomes.get(channel) === 'refused'),
    refused,
    'all others are sent',
  )
})
