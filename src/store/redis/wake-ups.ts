import { Cluster, type Redis } from 'ioredis'
import { type QueueName, type StoreListener, StoreUnavailableError } from '../../mailbox/mailbox-store.ts'
import { dispatchMessage } from './announcements.ts'
import { closeClient, type RedisClient, refreshTopology } from './client.ts'
import { PARTITIONS, partitionChannel, type WakeBits, wakeChannel } from './keys.ts'

const RETRY_MS = 1000
const PING_PERIOD_MS = 5000
/** After nodes changed places, how long their subscriptions are given to settle before everybody looks. */
const SETTLE_MS = 250

/**
 * Hears wake-ups and claims, on a connection of its own. At 12 wake bits every channel is subscribed once and for all, so
 * that Redis learns nothing of who is online; at more, those of the queues that are followed. [protocol §8]
 */
export class WakeUps {
  readonly #client: RedisClient
  readonly #wakeBits: WakeBits
  /** Followers of each subscribed channel; those of 12 bits have none and stay. */
  readonly #channels = new Map<string, number>()
  readonly #missing = new Set<string>()
  #listener: StoreListener | undefined
  #timer: NodeJS.Timeout | undefined
  #isStoreUp = false
  #isUp = false
  #wasUp = false
  #settling: NodeJS.Timeout | undefined

  constructor(client: RedisClient, wakeBits: WakeBits) {
    this.#client = client
    this.#wakeBits = wakeBits
    if (wakeBits > 12) return
    for (let partition = 0; partition < PARTITIONS; partition++) this.#channels.set(partitionChannel(partition), 0)
  }

  get isSubscribed(): boolean {
    return this.#listener !== undefined && this.#client.status === 'ready' && this.#missing.size === 0
  }

  start(listener: StoreListener): void {
    this.#listener = listener
    const client = this.#client as Redis
    for (const channel of this.#channels.keys()) this.#missing.add(channel)
    client.on('smessageBuffer', (_channel: Buffer, message: Buffer) => {
      if (this.#listener) dispatchMessage(message, this.#listener)
    })
    client.on('ready', () => void this.#subscribeMissing())
    client.on('close', () => this.#lost())
    client.on('subscribersReady', () => this.#subscribeAgain())
    client.connect().catch(() => {})
    this.#timer = setInterval(() => this.#keepAlive(), PING_PERIOD_MS).unref()
  }

  stop(): void {
    this.#listener = undefined
    clearInterval(this.#timer)
    clearTimeout(this.#settling)
    closeClient(this.#client)
  }

  /** Takes note of whether commands are answered. */
  storeIs(isUp: boolean): void {
    this.#isStoreUp = isUp
    this.#update()
  }

  /** Something changed on the way that may have cost wake-ups. */
  suspect(): void {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => {
      if (this.#isUp) this.#listener?.up(true)
    }, SETTLE_MS).unref()
  }

  async follow(queue: QueueName): Promise<void> {
    const channel = wakeChannel(queue, this.#wakeBits)
    if (!this.isSubscribed) throw new StoreUnavailableError()
    if (this.#wakeBits === 12) return
    const followers = this.#channels.get(channel) ?? 0
    this.#channels.set(channel, followers + 1)
    try {
      // Asked for again by every follower: the answer to the last one proves that the subscription stands.
      await (this.#client as Redis).ssubscribe(channel)
    } catch {
      this.unfollow(queue)
      throw new StoreUnavailableError()
    }
  }

  unfollow(queue: QueueName): void {
    if (this.#wakeBits === 12) return
    const channel = wakeChannel(queue, this.#wakeBits)
    const followers = (this.#channels.get(channel) ?? 0) - 1
    if (followers > 0) {
      this.#channels.set(channel, followers)
      return
    }
    this.#channels.delete(channel)
    this.#missing.delete(channel)
    if (this.#client.status === 'ready') (this.#client as Redis).sunsubscribe(channel).catch(() => {})
  }

  #lost(): void {
    // A Cluster client renews its subscriptions by itself; a single connection starts from nothing.
    if (!(this.#client instanceof Cluster)) for (const channel of this.#channels.keys()) this.#missing.add(channel)
    this.#update()
  }

  // After nodes changed places ioredis subscribes anew, and passes over what they refuse as long as they do not serve it.
  #subscribeAgain(): void {
    for (const channel of this.#channels.keys()) this.#missing.add(channel)
    this.suspect()
    this.#update()
    void this.#subscribeMissing()
  }

  async #subscribeMissing(): Promise<void> {
    const client = this.#client as Redis
    const channels = [...this.#missing]
    const groups = this.#client instanceof Cluster ? channels.map((channel) => [channel]) : [channels]
    const attempts = groups
      .filter((group) => group.length > 0)
      .map(async (group) => {
        await client.ssubscribe(...group)
        for (const channel of group) this.#missing.delete(channel)
      })
    await Promise.allSettled(attempts)
    if (this.#missing.size > 0 && this.#listener) setTimeout(() => this.#retry(), RETRY_MS).unref()
    this.#update()
  }

  #retry(): void {
    if (this.#client.status === 'ready' && this.#missing.size > 0) void this.#subscribeMissing()
  }

  #keepAlive(): void {
    if (this.#client.status !== 'ready') return
    if (this.#client instanceof Cluster) void refreshTopology(this.#client)
    else this.#client.ping().catch(() => {})
  }

  #update(): void {
    const isUp = this.#isStoreUp && this.isSubscribed
    if (isUp === this.#isUp) return
    this.#isUp = isUp
    if (isUp) {
      this.#listener?.up(this.#wasUp)
      this.#wasUp = true
    } else this.#listener?.down()
  }
}
