import { type ChildProcess, fork, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { exited, killOnExit, terminate } from '../../test/_util/child-process.ts'
import { startCluster } from '../../test/_util/cluster.ts'
import { findFreePort } from '../../test/_util/ports.ts'
import { type RedisServer, startRedis } from '../../test/_util/redis.ts'
import { type Relay, startRelay } from '../../test/_util/relay.ts'
import type { ProtocolName } from './clients/protocol.ts'
import { pin, pinnedCommand, SERVER_PROCESSOR } from './processes.ts'

const START_TIMEOUT_MS = 10_000
const STOP_GRACE_MS = 5_000

export type SystemName =
  | 'ws-echo'
  | 'fastify-post'
  | 'aedes'
  | 'nats'
  | 'mosquitto'
  | 'lethe-memory'
  | 'lethe-redis'
  | 'lethe-replica'

/** A server under test that runs. */
export interface Running {
  readonly port: number
  /** The process that clients speak to, then those that store for it. */
  readonly pids: number[]
  /** The Redis behind a relay. */
  readonly redis?: RedisServer
  stop(): Promise<void>
}

export interface StartOptions {
  /** Further settings of Redis. */
  redisArgs?: readonly string[]
  /** Further settings of the relay. */
  env?: Readonly<Record<string, string>>
  /** For Node, where the server is a relay. */
  nodeOptions?: readonly string[]
}

/** A kind of server that is measured. */
export interface System {
  readonly name: SystemName
  readonly title: string
  readonly protocol: ProtocolName
  /** The Debian package it comes from, where npm does not have it. */
  readonly debianPackage?: string
  /** Whether it keeps what comes while nobody receives. */
  readonly stores: boolean
  start(options?: StartOptions): Promise<Running>
}

/** A server of our own in a Node process. @param script file in ops/bench/servers, without extension */
export async function startScript(script: string, args: readonly string[] = []): Promise<Running> {
  const child = fork(fileURLToPath(new URL(`./servers/${script}.js`, import.meta.url)), args, { execArgv: [] })
  killOnExit(child)
  pin(child.pid as number, SERVER_PROCESSOR)
  const ended = exited(child).then((code): never => {
    throw new Error(`${script} ended before it listened (${code})`)
  })
  const [port] = (await Promise.race([once(child, 'message'), ended])) as [number]
  ended.catch(() => {})
  return { port, pids: [child.pid as number], stop: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  await terminate(child, STOP_GRACE_MS)
}

/** A program that reads a configuration file; ready when it takes connections. */
async function startProgram(
  program: string,
  configuration: (port: number, folder: string) => string,
  args: (file: string) => string[],
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-bench-'))
  const port = await findFreePort()
  const file = join(folder, 'configuration')
  writeFileSync(file, configuration(port, folder))
  const child = spawn(...pinnedCommand(program, args(file)), { stdio: 'ignore' })
  killOnExit(child)
  await waitForPort(port, child)
  return {
    port,
    pids: [child.pid as number],
    stop: async () => {
      await stop(child)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function waitForPort(port: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline && child.exitCode === null) {
    const socket = connect({ host: '127.0.0.1', port })
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (isThere) return
    await sleep(20)
  }
  throw new Error(`${child.spawnargs.join(' ')} did not listen`)
}

async function startLethe(redis: RedisServer[], options: StartOptions): Promise<Running> {
  const [master] = redis
  const relay = await startInstance(
    master && { LETHE_REDIS_URL: master.url, LETHE_REDIS_MIN_REPLICAS: String(redis.length - 1) },
    options,
  )
  const pids = [relay.pid, ...redis.map(({ pid }) => pid)]
  for (const pid of pids) pin(pid, SERVER_PROCESSOR)
  return {
    port: Number(new URL(relay.url).port),
    pids,
    ...(master && { redis: master }),
    async stop() {
      await relay.stop()
      for (const server of redis) await server.stop()
    },
  }
}

/**
 * All clients here come from one address prefix, and have more under way than would be answered within the usual wait. They
 * are counted as ever, and never limited.
 */
export const AMPLE_LIMITS = {
  LETHE_CONNECTION_BYTES_PER_SECOND: '1099511627776',
  LETHE_PREFIX_BYTES_PER_SECOND: '1099511627776',
  LETHE_MAX_WAIT_MS: '10000',
} as const

async function startInstance(
  store: NodeJS.ProcessEnv = {},
  { env, nodeOptions = [] }: StartOptions = {},
): Promise<Relay> {
  const secret = randomBytes(32).toString('base64url')
  return await startRelay(
    { LETHE_STORE_SECRET: secret, ...AMPLE_LIMITS, ...store, ...env } as Record<string, string>,
    nodeOptions,
  )
}

/** Instances of the relay, and masters of the Redis behind them: one, or a cluster of three. */
export interface Size {
  readonly instances: 1 | 2
  readonly masters: 1 | 3
  /** A further instance to which nobody is connected. */
  readonly hasBystander: boolean
}

/** `pids`: the instances first, then the bystander, then the masters. */
export async function startOfSize(size: Size): Promise<Running & { otherPorts: number[] }> {
  const { instances, masters, hasBystander } = size
  const store = masters === 3 ? await startCluster() : await startRedis()
  const nodes = 'nodes' in store ? store.nodes : [store]
  const env = { LETHE_REDIS_URL: store.url, LETHE_STORE_SECRET: randomBytes(32).toString('base64url') }
  const relays = await Promise.all(Array.from({ length: instances + Number(hasBystander) }, () => startInstance(env)))
  const pids = [...relays, ...nodes].map(({ pid }) => pid)
  for (const pid of pids) pin(pid, SERVER_PROCESSOR)
  const ports = relays.slice(0, instances).map(({ url }) => Number(new URL(url).port))
  const [port, ...otherPorts] = ports as [number, ...number[]]
  return {
    port,
    otherPorts,
    pids,
    async stop() {
      await Promise.all(relays.map((relay) => relay.stop()))
      await store.stop()
    },
  }
}

async function startWithReplica(options: StartOptions): Promise<Running> {
  const master = await startRedis({ args: options.redisArgs ?? [] })
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] })
  while (!(await replica.cli('INFO', 'replication')).includes('master_link_status:up')) await sleep(50)
  return await startLethe([master, replica], options)
}

const MOSQUITTO = (port: number) => `listener ${port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 32
max_queued_messages 0
set_tcp_nodelay true
log_type error
`

const NATS = (port: number, folder: string) => `host: 127.0.0.1
port: ${port}
jetstream { store_dir: "${folder}", max_memory_store: 4GB, max_file_store: 1MB }
`

/** Everything that is measured, the bare ones first. */
export const SYSTEMS: readonly System[] = [
  {
    name: 'ws-echo',
    title: 'bare ws echo',
    protocol: 'lethe',
    stores: false,
    start: () => startScript('ws-echo'),
  },
  {
    name: 'fastify-post',
    title: 'bare Fastify POST',
    protocol: 'http',
    stores: false,
    start: () => startScript('fastify-post'),
  },
  {
    name: 'aedes',
    title: 'aedes',
    protocol: 'mqtt',
    stores: true,
    start: () => startScript('aedes'),
  },
  {
    name: 'nats',
    title: 'NATS JetStream',
    protocol: 'nats',
    debianPackage: 'nats-server',
    stores: true,
    start: () => startProgram('nats-server', NATS, (file) => ['--config', file, '--log', '/dev/null']),
  },
  {
    name: 'mosquitto',
    title: 'Mosquitto',
    protocol: 'mqtt',
    debianPackage: 'mosquitto',
    stores: true,
    start: () => startProgram('mosquitto', MOSQUITTO, (file) => ['-c', file]),
  },
  {
    name: 'lethe-memory',
    title: 'Lethe, memory',
    protocol: 'lethe',
    stores: true,
    start: (options = {}) => startLethe([], options),
  },
  {
    name: 'lethe-redis',
    title: 'Lethe, Redis',
    protocol: 'lethe',
    debianPackage: 'redis-server',
    stores: true,
    start: async (options = {}) => startLethe([await startRedis({ args: options.redisArgs ?? [] })], options),
  },
  {
    name: 'lethe-replica',
    title: 'Lethe, Redis and a replica',
    protocol: 'lethe',
    debianPackage: 'redis-server',
    stores: true,
    start: (options = {}) => startWithReplica(options),
  },
]

/** Something was asked for that there is not; the message says what there is. */
export class UsageError extends Error {}

export function systemNamed(name: string): System {
  const system = SYSTEMS.find((one) => one.name === name)
  if (!system)
    throw new UsageError(`no system is called ${name}; there are ${SYSTEMS.map((one) => one.name).join(', ')}`)
  return system
}
