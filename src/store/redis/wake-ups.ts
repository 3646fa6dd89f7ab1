import { Cluster, type Redis } from 'ioredis'
import { type QueueName, type StoreListener, StoreUnavailableError } from '../../mailbox/mailbox-store.ts'
import { dispatchMessage } from './announcements.ts'
import type { RedisClient } from './client.ts'
import { PARTITIONS, partitionChannel, type WakeBits, wakeChannel } from './keys.ts'
import { SubscriberConnections } from './subscriber-connections.ts'

const RETRY_MS = 1000
const LOOK_PERIOD_MS = 5000
/** After nodes changed places, how long they are given to settle. */
const SETTLE_MS = 250

/** A channel that is subscribed, or is to be. */
interface Subscription {
  readonly channel: string
  readonly partition: number
  /** At 12 bits there are none, and it stays all the same. */
  followers: number
  /** Where it was asked for; undefined where that was in vain, or what was subscribed there may be no longer. */
  askedOn: Redis | undefined
  isAnswered: boolean
  /** Whether somebody counts on it: it was answered once, or has to be from the start. */
  isNeeded: boolean
}

/**
 * Hears wake-ups and claims, on connections of its own. At 12 wake bits every channel is subscribed once and for all, so
 * that Redis learns nothing of who is online; at more, those of the queues that are followed. [protocol §8]
 */
export class WakeUps {
  readonly #connections: SubscriberConnections
  readonly #wakeBits: WakeBits
  /** Whether one command takes channels of several partitions. */
  readonly #isOneNode: boolean
  readonly #subscriptions = new Map<string, Subscription>()
  #listener: StoreListener | undefined
  #isStoreUp = false
  #isSubscribed = false
  #isUp = false
  #wasUp = false
  #looking: NodeJS.Timeout | undefined
  #retrying: NodeJS.Timeout | undefined
  #settling: NodeJS.Timeout | undefined

  constructor(client: RedisClient, wakeBits: WakeBits) {
    this.#connections = new SubscriberConnections(client, {
      message: (message) => {
        if (this.#listener) dispatchMessage(message, this.#listener)
      },
      ready: () => void this.#subscribe(),
      lost: (connection) => this.#lost(connection),
    })
    this.#isOneNode = !(client instanceof Cluster)
    this.#wakeBits = wakeBits
    if (wakeBits > 12) return
    for (let partition = 0; partition < PARTITIONS; partition++) {
      this.#want(partitionChannel(partition), partition).isNeeded = true
    }
  }

  /** A Cluster is waited for as a whole; after that wake-ups are heard while those of any node are. */
  get isSubscribed(): boolean {
    return this.#isSubscribed
  }

  start(listener: StoreListener): void {
    this.#listener = listener
    this.#connections.start()
    this.#looking = setInterval(() => {
      this.#connections.ping()
      void this.#look()
    }, LOOK_PERIOD_MS).unref()
  }

  stop(): void {
    this.#listener = undefined
    this.#isSubscribed = false
    clearInterval(this.#looking)
    clearTimeout(this.#retrying)
    clearTimeout(this.#settling)
    this.#connections.stop()
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
    this.#lookIn(SETTLE_MS)
  }

  async follow(queue: QueueName): Promise<void> {
    if (this.#listener === undefined) throw new StoreUnavailableError()
    const subscription = this.#want(wakeChannel(queue, this.#wakeBits), queue.partition)
    if (this.#wakeBits === 12 && this.#stands(subscription)) return
    subscription.followers++
    // Asked for again by every follower: the answer to the last one proves that the subscription stands.
    if (await this.#ask([subscription])) return
    // It may be another node's by now.
    await this.#connections.refresh()
    if (await this.#ask([subscription])) return
    this.unfollow(queue)
    throw new StoreUnavailableError()
  }

  unfollow(queue: QueueName): void {
    if (this.#wakeBits === 12) return
    const channel = wakeChannel(queue, this.#wakeBits)
    const subscription = this.#subscriptions.get(channel)
    if (subscription === undefined || --subscription.followers > 0) return
    this.#subscriptions.delete(channel)
    const connection = this.#connections.of(queue.partition)
    connection?.sunsubscribe(channel).catch(() => {})
  }

  #want(channel: string, partition: number): Subscription {
    const known = this.#subscriptions.get(channel)
    if (known) return known
    const subscription = {
      channel,
      partition,
      followers: 0,
      askedOn: undefined,
      isAnswered: false,
      isNeeded: false,
    }
    this.#subscriptions.set(channel, subscription)
    return subscription
  }

  #isAsked({ askedOn, partition }: Subscription): boolean {
    return askedOn !== undefined && askedOn === this.#connections.of(partition)
  }

  #stands(subscription: Subscription): boolean {
    return subscription.isAnswered && this.#isAsked(subscription)
  }

  #lost(connection: Redis): void {
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.askedOn === connection) subscription.askedOn = undefined
    }
    this.#update()
    this.#lookIn(SETTLE_MS)
  }

  #lookIn(delayMs: number): void {
    if (this.#listener === undefined) return
    this.#retrying ??= setTimeout(() => {
      this.#retrying = undefined
      void this.#look()
    }, delayMs).unref()
  }

  /** Looks who serves what, and subscribes there. */
  async #look(): Promise<void> {
    await this.#connections.refresh()
    await this.#subscribe()
  }

  async #subscribe(): Promise<void> {
    if (this.#listener === undefined) return
    const missing = [...this.#subscriptions.values()].filter((subscription) => !this.#isAsked(subscription))
    const groups = this.#isOneNode && missing.length > 0 ? [missing] : missing.map((one) => [one])
    await Promise.all(groups.map((group) => this.#ask(group)))
    this.#update()
  }

  /**
   * Asks for channels, whether or not they were asked for before.
   * @param subscriptions of one partition, where partitions have nodes of their own
   * @returns whether they stand
   */
  async #ask(subscriptions: readonly Subscription[]): Promise<boolean> {
    const [{ partition }] = subscriptions as [Subscription]
    const connection = this.#connections.of(partition)
    for (const subscription of subscriptions) {
      if (!this.#isAsked(subscription)) subscription.isAnswered = false
      subscription.askedOn = connection
    }
    const channels = subscriptions.map(({ channel }) => channel)
    const answer = await connection?.ssubscribe(...channels).catch(() => undefined)
    const asked = subscriptions.filter(({ askedOn }) => askedOn === connection)
    if (answer === undefined) {
      for (const subscription of asked) subscription.askedOn = undefined
      this.#lookIn(RETRY_MS)
      return false
    }
    // What was published before a channel stood again was not heard.
    if (this.#isUp && asked.some(({ isNeeded, isAnswered }) => isNeeded && !isAnswered)) this.suspect()
    for (const subscription of asked) {
      subscription.isAnswered = true
      subscription.isNeeded = true
    }
    return asked.length === subscriptions.length && this.#connections.of(partition) === connection
  }

  #update(): void {
    this.#isSubscribed = this.#listener !== undefined && this.#isHeard()
    const isUp = this.#isStoreUp && this.#isSubscribed
    if (isUp === this.#isUp) return
    this.#isUp = isUp
    if (isUp) {
      this.#listener?.up(this.#wasUp)
      this.#wasUp = true
    } else this.#listener?.down()
  }

  #isHeard(): boolean {
    const { ready, wanted } = this.#connections.standing()
    const heard = new Set(ready)
    for (const subscription of this.#subscriptions.values()) {
      const connection = this.#connections.of(subscription.partition)
      if (connection !== undefined && subscription.isNeeded && !this.#stands(subscription)) heard.delete(connection)
    }
    return this.#wasUp ? heard.size > 0 : heard.size > 0 && heard.size === wanted
  }
}
