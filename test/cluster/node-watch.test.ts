import type { Cluster } from 'ioredis'
import { closeClient, createClient } from '../../src/store/redis/client.ts'
import { NodeWatch } from '../../src/store/redis/node-watch.ts'
import { type RedisCluster, startCluster } from '../_util/cluster.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const PATIENCE = { timeoutMs: 40_000 }
const SILENT = { replaced() {}, changed() {}, state() {} }

function clientOf({ nodes }: RedisCluster): Cluster {
  const hosts = nodes.slice(0, 3).map(({ port }) => ({ host: '127.0.0.1', port }))
  return createClient({ kind: 'cluster', hosts, tls: false }, undefined) as Cluster
}

function watchOver(t: Test, client: Cluster): NodeWatch {
  const watch = new NodeWatch([client], () => {}, undefined)
  t.teardown(() => {
    watch.stop()
    closeClient(client)
  })
  watch.start(SILENT)
  return watch
}

/** Whether all masters, of which there are three, may be used. */
const areCleared = (watch: NodeWatch, client: Cluster) => () => {
  const masters = client.nodes('master')
  return masters.length === 3 && masters.every((node) => watch.isCleared(node))
}

test('nodes of a Cluster that nobody asks anything are connected to and cleared', async (t) => {
  const cluster = await startCluster({ masters: 3, replicas: 3 })
  t.teardown(() => cluster.stop())

  await t.test('those that were known before, and to which ioredis has made no connection', async (t) => {
    const client = clientOf(cluster)
    await client.connect()
    t.ok(client.nodes('master').some(({ status }) => status === 'wait'))
    await eventually(areCleared(watchOver(t, client), client), PATIENCE)
  })

  await t.test('replicas that become masters', async (t) => {
    const client = clientOf(cluster)
    const watch = watchOver(t, client)
    await eventually(() => areCleared(watch, client)() && client.nodes('slave').length === 3, PATIENCE)
    const heirs = cluster.nodes.slice(3)
    for (const heir of heirs) await heir.cli('CLUSTER', 'FAILOVER')
    const ports = heirs.map(({ port }) => port).sort()
    const masters = () => client.nodes('master').map(({ options }) => options.port as number)
    await eventually(() => String(masters().sort()) === String(ports) && areCleared(watch, client)(), PATIENCE)
    t.ok(watch.isUp)
  })
})
