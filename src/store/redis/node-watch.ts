import { Cluster, type Redis } from 'ioredis'
import type { StoreMemory } from '../../mailbox/mailbox-store.ts'
import type { NodeGuard } from '../../mailbox/store-facts.ts'
import { nodeNameOf, nodeOf, type RedisClient, refreshTopology, SINGLE_NODE } from './client.ts'
import { faultOf, type StoreFault } from './faults.ts'
import { fullestOf, readMemory } from './node-memory.ts'
import { readNodeSettings } from './node-settings.ts'

/** What a watch tells. */
export interface WatchListener {
  /** A node came back as another process: what it held may be gone. */
  replaced(): void
  /** Nodes came, went or changed place. */
  changed(): void
  /** Whether commands can be expected to be answered. */
  state(isUp: boolean): void
}

const CHECK_PERIOD_MS = 5000
const OLDEST_VERSION = 7

/**
 * Knows of each Redis node what time it has, whether it answers, whether it may be used, and whether it is still the
 * process it was.
 */
export class NodeWatch {
  readonly #clients: readonly RedisClient[]
  readonly #guard: NodeGuard | undefined
  readonly #onFault: (fault: StoreFault) => void
  readonly #runIds = new Map<string, string>()
  /** Milliseconds to add to this process's monotonic clock, which no change of the relay's own time can move. */
  readonly #offsetsMs = new Map<string, number>()
  readonly #memory = new Map<string, StoreMemory>()
  /** Connections to nodes that are known and may be used. */
  readonly #identified = new Set<Redis>()
  #listener: WatchListener = { replaced() {}, changed() {}, state() {} }
  #timer: NodeJS.Timeout | undefined
  #isUp = false
  #wasUp = false

  /** @param guard decides which nodes may be used; without one, all may */
  constructor(clients: readonly RedisClient[], onFault: (fault: StoreFault) => void, guard: NodeGuard | undefined) {
    this.#clients = clients
    this.#onFault = onFault
    this.#guard = guard
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Whether a connection leads to a node that is known and may be used. */
  isCleared(node: Redis): boolean {
    return this.#identified.has(node)
  }

  /** Connection to a node of that name, or undefined while there is none, or it is not known yet where it leads. */
  clearedNode(client: RedisClient, name: string): Redis | undefined {
    const node = nodeOf(client, name)
    if (node === undefined) return undefined
    this.#connect(node)
    return this.isCleared(node) ? node : undefined
  }

  /**
   * Whether the node of a partition may be asked anything. While one that was used before is away, the client itself
   * finds out where its partitions went.
   */
  mayAsk(client: RedisClient, partition: number): boolean {
    const name = nodeNameOf(client, partition)
    const node = name === undefined ? undefined : nodeOf(client, name)
    if (name === undefined || node === undefined || this.isCleared(node)) return true
    this.#connect(node)
    return node.status !== 'ready' && this.#runIds.has(name)
  }

  start(listener: WatchListener): void {
    this.#listener = listener
    for (const client of this.#clients) {
      if (client instanceof Cluster) this.#watchCluster(client)
      else this.#watchNode(client, SINGLE_NODE)
      client.on('ready', () => this.#update())
      client.on('close', () => this.#update())
      client.connect().catch(() => this.#onFault('connection'))
    }
    this.#timer = setInterval(() => this.#check(), CHECK_PERIOD_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#isUp = false
    this.#listener = { replaced() {}, changed() {}, state() {} }
  }

  /** What the fullest node was seen to use last. */
  memory(): StoreMemory | undefined {
    return fullestOf(this.#memory.values())
  }

  /** Unix seconds by the clock of a node, or by this machine's while that one is not known. */
  nowSeconds(node: string): number {
    const offsetMs = this.#offsetsMs.get(node) ?? this.#offsetsMs.values().next().value
    return Math.floor((offsetMs === undefined ? Date.now() : performance.now() + offsetMs) / 1000)
  }

  /** A node has said what time it has, in whole seconds. */
  correct(node: string, seconds: number): void {
    this.#offsetsMs.set(node, seconds * 1000 + 500 - performance.now())
  }

  #watchCluster(cluster: Cluster): void {
    cluster.on('+node', (node: Redis) => {
      this.#watchNode(node, nameOf(node))
      if (!node.options.readOnly) this.#connect(node)
      this.#listener.changed()
    })
    cluster.on('ready', () => {
      for (const node of cluster.nodes('master')) this.#connect(node)
    })
    cluster.on('-node', (node: Redis) => {
      this.#guard?.forget(nameOf(node))
      this.#memory.delete(nameOf(node))
      this.#listener.changed()
    })
  }

  /**
   * To a node that nobody has asked anything yet, such as a replica that has become a master, ioredis connects with the
   * first command, and every write to it would be refused until then.
   */
  #connect(node: Redis): void {
    if (node.status === 'wait') node.connect().catch(() => this.#onFault('connection'))
  }

  #watchNode(node: Redis, name: string): void {
    node.on('ready', () => void this.#identify(node, name))
    node.on('close', () => {
      this.#identified.delete(node)
      this.#update()
    })
  }

  async #identify(node: Redis, name: string): Promise<void> {
    try {
      const info = await node.info('server')
      const version = Number(/^redis_version:(\d+)/m.exec(info)?.[1] ?? 0)
      if (version < OLDEST_VERSION) return this.#onFault('version')
      if (!(await this.#isAdmitted(node, name))) return this.#refuse(node)
      const runId = /^run_id:(\w+)/m.exec(info)?.[1] ?? ''
      const known = this.#runIds.get(name)
      const isAnother = known !== undefined && known !== runId
      // A master that comes back as a replica has lost nothing that its successor does not have, whether or not the client
      // knows of the change yet.
      const isReplica = node.options.readOnly || (isAnother && (await isFollowing(node)))
      if (!isReplica) this.#runIds.set(name, runId)
      await this.#readState(node, name)
      if (isAnother && !isReplica) this.#listener.replaced()
      this.#identified.add(node)
      this.#update()
    } catch (error) {
      this.#onFault(faultOf(error))
    }
  }

  async #isAdmitted(node: Redis, name: string): Promise<boolean> {
    if (this.#guard === undefined) return true
    return this.#guard.admit(name, await readNodeSettings(node, addressOf(node), this.#guard.settings))
  }

  #refuse(node: Redis): void {
    this.#identified.delete(node)
    this.#onFault('unsafe')
    this.#update()
  }

  #check(): void {
    for (const client of this.#clients) {
      if (client.status === 'ready') void refreshTopology(client)
      const nodes = client instanceof Cluster ? client.nodes('master') : [client]
      for (const node of nodes) {
        this.#connect(node)
        if (node.status !== 'ready') continue
        const name = client instanceof Cluster ? nameOf(node) : SINGLE_NODE
        const checked = this.#identified.has(node) ? this.#readState(node, name) : this.#identify(node, name)
        checked.catch((error) => this.#onFault(faultOf(error)))
      }
    }
    this.#update()
  }

  async #readState(node: Redis, name: string): Promise<void> {
    const [memory] = await Promise.all([readMemory(node), this.#readTime(node, name)])
    if (!node.options.readOnly) this.#memory.set(name, memory)
  }

  async #readTime(node: Redis, name: string): Promise<void> {
    const askedMs = performance.now()
    const [seconds, microseconds] = await node.time()
    const answeredMs = performance.now()
    this.#offsetsMs.set(name, Number(seconds) * 1000 + Number(microseconds) / 1000 - (askedMs + answeredMs) / 2)
  }

  /** A Cluster is waited for as a whole; after that it serves while any of its nodes does. */
  #isServed(client: RedisClient): boolean {
    if (!(client instanceof Cluster)) return this.#identified.has(client)
    const masters = client.nodes('master')
    const answering = masters.filter((node) => this.#identified.has(node)).length
    return this.#wasUp ? answering > 0 : masters.length > 0 && answering === masters.length
  }

  #update(): void {
    const isUp = this.#clients.every((client) => client.status === 'ready' && this.#isServed(client))
    if (isUp === this.#isUp) return
    this.#isUp = isUp
    this.#wasUp ||= isUp
    this.#listener.state(isUp)
  }
}

async function isFollowing(node: Redis): Promise<boolean> {
  return /^role:slave/m.test(await node.info('replication'))
}

function nameOf({ options }: Redis): string {
  return `${options.host}:${options.port}`
}

/** Where a connection leads, also where a Sentinel named the node. */
function addressOf({ stream, options }: Redis): string {
  return `${stream.remoteAddress ?? options.host}:${stream.remotePort ?? options.port}`
}
