import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killOnExit, terminate } from './child-process.ts'
import { findFreePort } from './ports.ts'
import { type RedisOptions, type RedisServer, startRedis } from './redis.ts'
import { redisCli } from './redis-cli.ts'
import { eventually } from './wait.ts'

const SENTINELS = 3
const QUORUM = 2
/** Short enough that a test can see a master replaced, long enough for a busy machine. */
const DOWN_AFTER_MS = 1_500
const STOP_GRACE_MS = 5_000
const PATIENCE = { timeoutMs: 30_000, intervalMs: 50 }

/** A master, its replicas, and three Sentinels that watch them. */
export interface SentinelGroup {
  /** `redis+sentinel://127.0.0.1:PORT,…/NAME` of the Sentinels, as LETHE_REDIS_URL takes it. */
  readonly url: string
  /** The first master, then the replicas. */
  readonly nodes: readonly RedisServer[]
  /** The node that the Sentinels name as the master now. */
  master(): Promise<RedisServer>
  /** Ends every process. May be called twice. */
  stop(): Promise<void>
}

async function startSentinel(folder: string, name: string, masterPort: number): Promise<[ChildProcess, number]> {
  const port = await findFreePort()
  const file = join(folder, `sentinel-${port}.conf`)
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${name} 127.0.0.1 ${masterPort} ${QUORUM}`,
    `sentinel down-after-milliseconds ${name} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${name} 6000`,
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' })
  killOnExit(child)
  await eventually(async () => (await redisCli(port, ['PING'])).length > 0, PATIENCE)
  return [child, port]
}

/** Whether a replica has all that its master has. */
export async function isFollowing(node: RedisServer): Promise<boolean> {
  return (await node.cli('INFO', 'replication')).includes('master_link_status:up')
}

/** A whole view: every Sentinel knows the others and all replicas. */
async function isWhole(port: number, name: string, replicas: number): Promise<boolean> {
  const view = (await redisCli(port, ['SENTINEL', 'MASTER', name])).toString('utf8').split('\n')
  const field = (key: string) => Number(view[view.indexOf(key) + 1])
  return field('num-slaves') === replicas && field('num-other-sentinels') === SENTINELS - 1
}

interface GroupOptions {
  replicas?: number
  name?: string
  /** How nodes come back, if not as the masters that they take themselves for: as nobody, until `admitReplica`. */
  again?: RedisOptions['again']
}

/** As the nodes of deploy/compose.sentinel.yaml start. */
const NOBODY = ['--replicaof', '127.0.0.1 1', '--replica-priority', '0']

/** Sends a node to a master, and lets Sentinels choose it when it has all that the master has. */
export async function admitReplica(node: RedisServer, master: RedisServer): Promise<void> {
  await node.cli('REPLICAOF', '127.0.0.1', String(master.port))
  await eventually(() => isFollowing(node), PATIENCE)
  await node.cli('CONFIG', 'SET', 'replica-priority', '100')
}

/**
 * Starts a master with replicas, and the Sentinels once all replicas follow; resolves when each Sentinel sees everybody.
 * The caller stops it, in a teardown.
 */
export async function startSentinelGroup({
  replicas = 2,
  name = 'lethe',
  again,
}: GroupOptions = {}): Promise<SentinelGroup> {
  const folder = await mkdtemp(join(tmpdir(), 'lethe-sentinel-'))
  const nodes: RedisServer[] = []
  const sentinels: [ChildProcess, number][] = []
  const stop = async (): Promise<void> => {
    await Promise.all(sentinels.map(([child]) => terminate(child, STOP_GRACE_MS)))
    await Promise.all(nodes.map((node) => node.stop()))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for (let i = 0; i <= replicas; i++) nodes.push(await startRedis(again ? { args: NOBODY, again } : {}))
    const [first, ...others] = nodes as [RedisServer, ...RedisServer[]]
    await first.cli('CONFIG', 'SET', 'replica-priority', '100')
    await first.cli('REPLICAOF', 'NO', 'ONE')
    await Promise.all(others.map((node) => admitReplica(node, first)))
    for (let i = 0; i < SENTINELS; i++) sentinels.push(await startSentinel(folder, name, first.port))
    const ports = sentinels.map(([, port]) => port)
    for (const port of ports) await eventually(() => isWhole(port, name, replicas), PATIENCE)
    const master = async (): Promise<RedisServer> => {
      const address = await redisCli(ports[0] as number, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name])
      const port = Number(address.toString('utf8').split('\n')[1])
      const node = nodes.find((one) => one.port === port)
      if (!node) throw new Error(`the Sentinels name a master on port ${port}, which is none of ours`)
      return node
    }
    const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',')
    return { url: `redis+sentinel://${hosts}/${name}`, nodes, master, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
