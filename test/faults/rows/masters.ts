import type { RedisServer } from '../../_util/redis.ts'
import { eventually } from '../../_util/wait.ts'
import { defineFault } from '../frame/fault.ts'
import { type Cluster, introduce, masterAndReplica, openCluster, promoted } from '../stores/cluster.ts'
import { openSentinels, type Sentinels, sendToMaster } from '../stores/sentinel.ts'

const ROUNDS = 10
const PATIENCE = { timeoutMs: 60_000, intervalMs: 50 }

/** Nodes that were killed and are away still, by their store. */
const killed = new WeakMap<object, { node: RedisServer; heir?: RedisServer }>()

function lastKilled(store: object): { node: RedisServer; heir?: RedisServer } {
  const last = killed.get(store)
  if (last === undefined) throw new Error('nothing was killed')
  return last
}

async function killMaster(store: Sentinels): Promise<[number, RedisServer]> {
  const node = await store.group.master()
  const atMs = performance.now()
  await node.kill()
  killed.set(store, { node })
  return [atMs, node]
}

async function killClusterMaster(store: Cluster, round: number): Promise<[number, RedisServer, RedisServer]> {
  const [node, heir] = await masterAndReplica(store, round)
  const atMs = performance.now()
  await node.kill()
  killed.set(store, { node, heir })
  return [atMs, node, heir]
}

export const killSentinelMaster = defineFault({
  name: 'Sentinel: kill -9 of the master',
  rounds: ROUNDS,
  bug: 'answers early',
  since: 'the kill',
  openStore: openSentinels,
  strike: async ({ store }) => (await killMaster(store))[0],
  async repair({ store }) {
    const { node } = lastKilled(store)
    await node.restart()
    await sendToMaster(store, node)
  },
})

export const restartSentinelMaster = defineFault({
  name: 'Sentinel: kill -9 of the master, started again at once as deploy/ does',
  rounds: ROUNDS,
  bug: 'answers early',
  since: 'the kill',
  openStore: openSentinels,
  async strike({ store }) {
    const [atMs, node] = await killMaster(store)
    await node.restart()
    return atMs
  },
  repair: ({ store }) => sendToMaster(store, lastKilled(store).node),
})

export const killClusterMasterFault = defineFault({
  name: 'Cluster: kill -9 of a master',
  rounds: ROUNDS,
  bug: 'answers early',
  since: 'the kill',
  openStore: openCluster,
  async strike({ store }, round) {
    const [atMs, , heir] = await killClusterMaster(store, round)
    await promoted(heir)
    return atMs
  },
  async repair({ store }) {
    const { node, heir } = lastKilled(store)
    await node.restart()
    await introduce(store, node, heir as RedisServer)
  },
})

export const restartClusterMaster = defineFault({
  name: 'Cluster: kill -9 of a master, started again at once as deploy/ does',
  rounds: ROUNDS,
  bug: 'answers early',
  since: 'the kill',
  openStore: openCluster,
  async strike({ store }, round) {
    const [atMs, node, heir] = await killClusterMaster(store, round)
    await node.restart()
    await eventually(async () => (await heir.cli('INFO', 'replication')).includes('role:master'), PATIENCE)
    return atMs
  },
  repair: ({ store }) => introduce(store, lastKilled(store).node, lastKilled(store).heir as RedisServer),
})
