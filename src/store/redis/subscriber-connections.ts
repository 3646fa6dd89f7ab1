import { Cluster, type Redis } from 'ioredis'
import { closeClient, nodeNameOf, type RedisClient, reconnectDelayMs, refreshTopology } from './client.ts'

/** What becomes of connections that hear. */
export interface ConnectionListener {
  message(message: Buffer): void
  /** A connection stands, and nothing is subscribed on it yet. */
  ready(): void
  /** What was subscribed on a connection may be no longer. */
  lost(connection: Redis): void
}

/**
 * The connections on which channels are subscribed: the client itself where it is one node's; of a Cluster, one of our own
 * to each master, since the group that ioredis has for that passes over what a node refuses, notices no node that falls
 * silent, and keeps a list that each renewal makes longer.
 */
export class SubscriberConnections {
  readonly #client: RedisClient
  readonly #listener: ConnectionListener
  /** Of a Cluster, by the master's name. */
  readonly #masters = new Map<string, Redis>()

  constructor(client: RedisClient, listener: ConnectionListener) {
    this.#client = client
    this.#listener = listener
  }

  start(): void {
    const client = this.#client
    if (client instanceof Cluster) client.on('ready', () => this.#follow(client))
    else this.#hear(client)
    client.connect().catch(() => {})
  }

  stop(): void {
    for (const connection of this.#masters.values()) connection.disconnect()
    closeClient(this.#client)
  }

  /** Where channels of a partition are subscribed; undefined while that is not known, or the connection does not stand. */
  of(partition: number): Redis | undefined {
    const connection = this.#of(nodeNameOf(this.#client, partition))
    return connection?.status === 'ready' ? connection : undefined
  }

  /** Those that stand, and how many there should be. */
  standing(): { readonly ready: readonly Redis[]; readonly wanted: number } {
    const all = this.#all()
    return { ready: all.filter(({ status }) => status === 'ready'), wanted: all.length }
  }

  /** Asks who serves what, and connects to whom that says. Never rejects. */
  async refresh(): Promise<void> {
    const client = this.#client
    if (!(client instanceof Cluster) || client.status !== 'ready') return
    await refreshTopology(client)
    this.#follow(client)
  }

  /** Has a connection that nobody answers on any more found out, and ended. */
  ping(): void {
    for (const connection of this.standing().ready) connection.ping().catch(() => {})
  }

  #of(name: string | undefined): Redis | undefined {
    if (!(this.#client instanceof Cluster)) return this.#client
    return name === undefined ? undefined : this.#masters.get(name)
  }

  #all(): Redis[] {
    return this.#client instanceof Cluster ? [...this.#masters.values()] : [this.#client]
  }

  #follow(cluster: Cluster): void {
    if (cluster.status !== 'ready') return
    const nodes = new Map(cluster.nodes('master').map((node) => [`${node.options.host}:${node.options.port}`, node]))
    for (const [name, connection] of this.#masters) {
      if (nodes.has(name)) continue
      this.#masters.delete(name)
      connection.disconnect()
    }
    for (const [name, node] of nodes) if (!this.#masters.has(name)) this.#masters.set(name, this.#connect(node))
  }

  #connect(node: Redis): Redis {
    const options = { enableOfflineQueue: false, retryStrategy: reconnectDelayMs, readOnly: false }
    const connection = node.duplicate(options)
    // Without a listener ioredis prints errors, arguments and all.
    connection.on('error', () => {})
    // A node that gives a slot away ends its subscriptions, and ioredis tells no more of it than this.
    connection.on('moved', () => this.#listener.lost(connection))
    this.#hear(connection)
    connection.connect().catch(() => {})
    return connection
  }

  #hear(connection: Redis): void {
    connection.on('smessageBuffer', (_channel: Buffer, message: Buffer) => this.#listener.message(message))
    connection.on('ready', () => this.#listener.ready())
    connection.on('close', () => this.#listener.lost(connection))
  }
}
