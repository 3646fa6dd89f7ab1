import { CLUSTER_FILE, type RedisOptions, type RedisServer, startRedis } from './redis.ts'
import { redisCli } from './redis-cli.ts'
import { eventually } from './wait.ts'

/** Short enough that a test can see a master replaced, long enough for a busy machine. */
const NODE_TIMEOUT_MS = 2_000

/** A Redis Cluster of processes on this machine. */
export interface RedisCluster {
  /** `redis+cluster://127.0.0.1:PORT,…`: the first masters, as LETHE_REDIS_URL takes it. */
  readonly url: string
  /** Every node: the masters first, then the replicas. */
  readonly nodes: readonly RedisServer[]
  /** Ends every node. May be called twice. */
  stop(): Promise<void>
}

/** How many nodes: as many replicas as masters, or none. */
export interface ClusterOptions {
  masters?: 3
  replicas?: 0 | 3
  /** Further settings, and how nodes come back. */
  node?: Pick<RedisOptions, 'args' | 'again'>
}

const NODE_ARGS = [
  '--cluster-enabled',
  'yes',
  '--cluster-node-timeout',
  String(NODE_TIMEOUT_MS),
  '--cluster-config-file',
  CLUSTER_FILE,
]

async function isWhole(node: RedisServer, count: number, replicas: number): Promise<boolean> {
  const info = await node.cli('CLUSTER', 'INFO')
  if (!info.includes('cluster_state:ok') || !info.includes(`cluster_known_nodes:${count}`)) return false
  const table = await node.cli('CLUSTER', 'NODES')
  if (/fail|handshake|noaddr/.test(table)) return false
  if ((table.match(/ (myself,)?slave /g) ?? []).length !== replicas) return false
  const replication = await node.cli('INFO', 'replication')
  return replication.includes('role:master') || replication.includes('master_link_status:up')
}

/**
 * Starts the nodes, joins them with `redis-cli --cluster create` and resolves when every node says that the cluster is
 * ok and every replica follows its master. The caller stops it, in a teardown.
 */
export async function startCluster({
  masters = 3,
  replicas = 0,
  node: options = {},
}: ClusterOptions = {}): Promise<RedisCluster> {
  const args = [...NODE_ARGS, ...(options.args ?? [])]
  const count = masters + replicas
  const starts = await Promise.allSettled(Array.from({ length: count }, () => startRedis({ ...options, args })))
  const nodes = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    const failure = starts.find((start) => start.status === 'rejected')
    if (failure) throw failure.reason
    const hosts = nodes.map((node) => `127.0.0.1:${node.port}`)
    const first = nodes[0] as RedisServer
    await redisCli(first.port, [
      ...['--cluster', 'create', ...hosts],
      ...['--cluster-replicas', String(replicas / masters), '--cluster-yes'],
    ])
    for (const node of nodes) await eventually(() => isWhole(node, count, replicas), { timeoutMs: 30_000 })
    return { url: `redis+cluster://${hosts.slice(0, masters).join(',')}`, nodes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
