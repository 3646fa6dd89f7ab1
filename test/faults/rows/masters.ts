import type { RedisServer } from '../../_util/redis.ts'
import { defineFault } from '../frame/fault.ts'
import { type Cluster, introduce, masterAndReplica, openCluster, promoted } from '../stores/cluster.ts'
import { openSentinels, type Sentinels, sendToMaster } from '../stores/sentinel.ts'

const ROUNDS = 10

/** The node that was killed last, by its store. */
const killed = new WeakMap<Sentinels, RedisServer>()

async function killMaster(store: Sentinels): Promise<[number, RedisServer]> {
  const node = await store.group.master()
  const atMs = performance.now()
  await node.kill()
  killed.set(store, node)
  return [atMs, node]
}

const nodeOf = (store: Sentinels) => killed.get(store) as RedisServer

export const killSentinelMaster = defineFault({
  name: 'Sentinel: kill -9 of the master',
  rounds: ROUNDS,
  bug: 'answers early',
  since: 'the kill',
  openStore: openSentinels,
  strike: async ({ store }) => (await killMaster(store))[0],
  async repair({ store }) {
    await nodeOf(store).restart()
    await sendToMaster(store, nodeOf(store))
  },
})

export const restartSentinelMaster = defineFault({
  name: 'Sentinel: kill -9 of the master, started again at once',
  rounds: ROUNDS,
  bug: 'answers early',
  since: 'the kill',
  openStore: openSentinels,
  async strike({ store }) {
    const [atMs, node] = await killMaster(store)
    await node.restart()
    return atMs
  },
  repair: ({ store }) => sendToMaster(store, nodeOf(store)),
})

/**
 * A master has one replica, so that its part is refused until somebody follows the heir: the node itself when it is back.
 * @returns the moment of the kill
 */
async function replaceMaster(store: Cluster, round: number, whenToStart: 'at once' | 'when replaced'): Promise<number> {
  const [node, heir] = await masterAndReplica(store, round)
  const atMs = performance.now()
  await node.kill()
  if (whenToStart === 'when replaced') await promoted(heir)
  await node.restart()
  await promoted(heir)
  await introduce(store, node, heir)
  return atMs
}

export const killMasterOfCluster = defineFault({
  name: 'Cluster: kill -9 of a master, started again when it is replaced',
  rounds: ROUNDS,
  bug: 'answers early',
  since: 'the kill',
  openStore: openCluster,
  strike: ({ store }, round) => replaceMaster(store, round, 'when replaced'),
})

export const restartMasterOfCluster = defineFault({
  name: 'Cluster: kill -9 of a master, started again at once',
  rounds: ROUNDS,
  bug: 'answers early',
  since: 'the kill',
  openStore: openCluster,
  strike: ({ store }, round) => replaceMaster(store, round, 'at once'),
})
