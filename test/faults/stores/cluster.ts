import { type RedisCluster, startCluster } from '../../_util/cluster.ts'
import type { RedisServer } from '../../_util/redis.ts'
import { isFollowing } from '../../_util/sentinel.ts'
import { eventually } from '../../_util/wait.ts'
import type { Backing } from '../frame/fault.ts'
import type { Scope } from '../frame/scope.ts'
import { AS_DEPLOYED } from './start-node.ts'

const PATIENCE = { timeoutMs: 60_000, intervalMs: 100 }
/** As deploy/compose.cluster.yaml has it: a part that is away takes nothing else with it. */
const ARGS = ['--cluster-require-full-coverage', 'no']

export interface Cluster extends Backing {
  readonly cluster: RedisCluster
}

/** Three masters with a replica each; nodes come back as those of deploy/compose.cluster.yaml. */
export async function openCluster(scope: Scope): Promise<Cluster> {
  const cluster = await startCluster({ masters: 3, replicas: 3, node: { args: ARGS, again: AS_DEPLOYED } })
  scope.defer(() => cluster.stop())
  return { cluster, env: { LETHE_REDIS_URL: cluster.url, LETHE_REDIS_MIN_REPLICAS: '1' } }
}

/** A line of CLUSTER NODES. */
interface Member {
  readonly id: string
  readonly port: number
  readonly flags: string
  readonly master: string
  readonly hasSlots: boolean
}

async function membersAsSeenBy(node: RedisServer): Promise<Member[]> {
  const table = await node.cli('CLUSTER', 'NODES')
  return table.split('\n').map((line) => {
    const [id = '', address = '', flags = '', master = '', , , , , ...slots] = line.split(' ')
    return { id, port: Number(/:(\d+)@/.exec(address)?.[1]), flags, master, hasSlots: slots.length > 0 }
  })
}

const isAlive = ({ flags }: Member) => !/fail|noaddr|handshake/.test(flags)

/** A living master, and the replica that follows it; another one in each round. */
export async function masterAndReplica({ cluster }: Cluster, round: number): Promise<[RedisServer, RedisServer]> {
  const members = await membersAsSeenBy(cluster.nodes[0] as RedisServer)
  const masters = members.filter((member) => isAlive(member) && member.hasSlots).toSorted((a, b) => a.port - b.port)
  const master = masters[round % masters.length] as Member
  const replica = members.find((member) => isAlive(member) && member.master === master.id) as Member
  const nodeAt = ({ port }: Member) => cluster.nodes.find((node) => node.port === port) as RedisServer
  return [nodeAt(master), nodeAt(replica)]
}

/** Resolves when a replica has taken the place of its master. */
export async function promoted(replica: RedisServer): Promise<void> {
  await eventually(async () => (await replica.cli('INFO', 'replication')).includes('role:master'), PATIENCE)
}

/** What deploy/redis/keep-cluster does: a node that has come back as nobody follows the master that has no replica. */
export async function introduce({ cluster }: Cluster, node: RedisServer, master: RedisServer): Promise<void> {
  const [id, masterId] = [await node.cli('CLUSTER', 'MYID'), await master.cli('CLUSTER', 'MYID')]
  await master.cli('CLUSTER', 'MEET', '127.0.0.1', String(node.port))
  await eventually(async () => {
    const members = await membersAsSeenBy(node)
    return members.some((member) => member.id === masterId && isAlive(member))
  }, PATIENCE)
  await node.cli('CLUSTER', 'REPLICATE', masterId)
  await eventually(() => isFollowing(node), PATIENCE)
  for (const one of cluster.nodes) {
    const gone = (await membersAsSeenBy(one)).filter((member) => /noaddr|fail/.test(member.flags) && !member.hasSlots)
    for (const member of gone) await one.cli('CLUSTER', 'FORGET', member.id).catch(() => undefined)
  }
  for (const one of cluster.nodes) {
    await eventually(
      async () => (await membersAsSeenBy(one)).some((member) => member.id === id && isAlive(member)),
      PATIENCE,
    )
  }
}
