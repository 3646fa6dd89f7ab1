import { isIP } from 'node:net'
import calculateSlot from 'cluster-key-slot'
import { Cluster, Redis } from 'ioredis'
import { faultOf, type StoreFault } from './faults.ts'
import { PARTITIONS, partitionChannel } from './keys.ts'

interface RedisAccess {
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
  readonly tls: boolean
  readonly username?: string
  readonly password?: { reveal(): string }
}

/** Where Redis is: one node, the master that Sentinels name, or a Cluster. */
export type RedisTarget =
  | (RedisAccess & { readonly kind: 'node'; readonly db: number })
  | (RedisAccess & { readonly kind: 'sentinel'; readonly masterName: string })
  | (RedisAccess & { readonly kind: 'cluster' })

export type RedisClient = Redis | Cluster

/** Without an answer for this long a connection counts as dead, and everything on it as unconfirmed. */
const SILENCE_TIMEOUT_MS = 4000
const CONNECT_TIMEOUT_MS = 3000
const MAX_RECONNECT_DELAY_MS = 1000

/** How long until a connection that ended is made again. @param attempt counts from 1 */
export const reconnectDelayMs = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RECONNECT_DELAY_MS)

const closing = new WeakSet<RedisClient>()

/**
 * A client that fails at once while there is no connection, never repeats a command by itself, and keeps trying to
 * connect until it is closed with `closeClient`. Its errors may carry keys and ciphertext: they must not leave this folder.
 * @param ca certificate authorities in PEM, for TLS
 */
export function createClient(target: RedisTarget, ca: string | undefined): RedisClient {
  const client = build(target, connectionOptions(target, ca))
  // Without a listener ioredis prints errors, arguments and all. What they mean is seen from the commands that fail.
  client.on('error', () => {})
  // ioredis gives up for good when Sentinels announce a new master just while it asks them for one.
  client.on('end', () => {
    if (closing.has(client)) return
    setTimeout(() => {
      if (client.status === 'end' && !closing.has(client)) client.connect().catch(() => {})
    }, MAX_RECONNECT_DELAY_MS).unref()
  })
  return client
}

/** Ends a client and its connections. */
export function closeClient(client: RedisClient): void {
  closing.add(client)
  client.disconnect()
}

export interface RedisAddress {
  readonly host: string
  readonly port: number
}

/**
 * A connection to one address, made at once or not at all, that is not renewed. The caller disconnects it.
 * @param as the target's user, or somebody who shows neither user nor password
 * @returns why there is none, where there is none
 */
export async function connectOnce(
  target: RedisTarget,
  ca: string | undefined,
  { host, port }: RedisAddress,
  as: 'user' | 'nobody' = 'user',
): Promise<Redis | StoreFault> {
  const { username, password, ...others } = namingServer(connectionOptions(target, ca), host)
  const credentials = as === 'nobody' ? {} : { ...(username && { username }), ...(password && { password }) }
  const db = target.kind === 'node' ? target.db : 0
  // The ready check asks for INFO, and tells the console where the user may not.
  const once = { enableReadyCheck: false, enableOfflineQueue: false, retryStrategy: null }
  const client = new Redis({ ...others, ...credentials, ...once, host, port, db })
  let fault: StoreFault = 'connection'
  client.on('error', (error) => {
    fault = faultOf(error)
  })
  try {
    await client.connect()
    return client
  } catch {
    // Of one that has ended already, ioredis would wait two seconds for the end.
    if (client.status !== 'end') client.disconnect()
    return fault
  }
}

type ConnectionOptions = ReturnType<typeof connectionOptions>

function connectionOptions({ username, password, tls }: RedisAccess, ca: string | undefined) {
  return {
    lazyConnect: true,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // At anything else ioredis drops what was unanswered when a connection ended, and its promises never settle.
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(tls ? { tls: ca === undefined ? {} : { ca } } : {}),
  }
}

// Node names the server in the handshake only where it is told to, and hosted Redis is often told apart by that.
// [RFC6066-3]
function namingServer<Options extends ConnectionOptions>(options: Options, host: string): Options {
  return options.tls && !isIP(host) ? { ...options, tls: { ...options.tls, servername: host } } : options
}

function build(target: RedisTarget, options: ConnectionOptions): RedisClient {
  if (target.kind === 'cluster') {
    // No slotsRefreshInterval: ioredis's own goes on for ever, and the process with it, when a client is disconnected while
    // an answer is on its way. Whoever has a client asks with `refreshTopology`.
    return new Cluster([...target.hosts], {
      lazyConnect: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: reconnectDelayMs,
      clusterNodeRetryStrategy: reconnectDelayMs,
      slotsRefreshTimeout: 2000,
      // What fails is not sent again behind the back of whoever has given up: a claim would displace who came after.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      redisOptions: options,
      // Certificates are made for names, and of a name that was looked up first only the address would be left.
      ...(options.tls ? { dnsLookup: (name, found) => found(null, name) } : {}),
    })
  }
  const single = { ...options, enableOfflineQueue: false, retryStrategy: reconnectDelayMs }
  if (target.kind === 'node') {
    const [{ host, port }] = target.hosts as [RedisAccess['hosts'][number]]
    return new Redis({ ...namingServer(single, host), host, port, db: target.db })
  }
  return new Redis({
    ...single,
    sentinels: [...target.hosts],
    name: target.masterName,
    sentinelRetryStrategy: reconnectDelayMs,
    failoverDetector: true,
    enableTLSForSentinelMode: target.tls,
    ...(options.tls ? { sentinelTLS: options.tls } : {}),
    ...(options.username === undefined ? {} : { sentinelUsername: options.username }),
    ...(options.password === undefined ? {} : { sentinelPassword: options.password }),
  })
}

/** Redis Cluster's slot of each partition. */
const SLOTS = Uint16Array.from({ length: PARTITIONS }, (_, partition) => calculateSlot(partitionChannel(partition)))

/** Name of the node that serves a partition, as Redis Cluster gives it; always the same for a single node. */
export function nodeNameOf(client: RedisClient, partition: number): string | undefined {
  if (client instanceof Redis) return SINGLE_NODE
  return client.slots[SLOTS[partition] as number]?.[0]
}

export const SINGLE_NODE = ''

/** Connection to the node of that name, or undefined while there is none. */
export function nodeOf(client: RedisClient, name: string): Redis | undefined {
  if (client instanceof Redis) return client
  return client.nodes('all').find(({ options }) => `${options.host}:${options.port}` === name)
}

/** Asks the cluster anew who serves what; to be done every few seconds. Never rejects. */
export function refreshTopology(client: RedisClient): Promise<void> {
  if (client instanceof Redis) return Promise.resolve()
  return new Promise((resolve) => client.refreshSlotsCache(() => resolve()))
}
