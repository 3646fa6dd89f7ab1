import type { Redis } from 'ioredis'
import {
  type Announcement,
  type Bucket,
  type Cursor,
  type MailboxStore,
  type Page,
  type PendingDeposit,
  type PendingErasure,
  type QueueName,
  type StoreListener,
  type StoreMemory,
  StoreUnavailableError,
  type Waiting,
} from '../../mailbox/mailbox-store.ts'
import type { NodeGuard } from '../../mailbox/store-facts.ts'
import { encodeAnnouncement } from './announcements.ts'
import {
  closeClient,
  createClient,
  nodeNameOf,
  type RedisClient,
  type RedisTarget,
  refreshTopology,
  SINGLE_NODE,
} from './client.ts'
import { faultOf, type StoreFault } from './faults.ts'
import { bucketKey, type WakeBits, wakeChannel } from './keys.ts'
import { NodeWatch } from './node-watch.ts'
import { readPage } from './page.ts'
import { SCRIPTS, type Script } from './scripts.ts'
import { TouchSweep, type TouchSweepOptions } from './touch-sweep.ts'
import { WakeUps } from './wake-ups.ts'
import { DepositWrite, EraseWrite, type Write } from './write-batch.ts'
import { WriteLane } from './write-lane.ts'

export interface RedisStoreOptions {
  readonly target: RedisTarget
  /** Certificate authorities in PEM. */
  readonly ca?: string | undefined
  /** Replicas that must have a write before it counts. */
  readonly minReplicas: number
  readonly wakeBits: WakeBits
  /** When keys are touched, so that Redis cannot tell for long when they were used. */
  readonly sweep?: TouchSweepOptions
  /** Decides which nodes may be used; without one, all may. */
  readonly guard?: NodeGuard
  readonly onFault?: (fault: StoreFault) => void
  /** One batch of writes was answered. */
  readonly onBatch?: (writes: number, tookMs: number) => void
  /** One command that is no write was answered. */
  readonly onCommand?: (tookMs: number) => void
}

const REDIRECT_DELAY_MS = 50
/** After a command failed, until the cluster is asked who serves what: once for all that fail meanwhile. */
const LOOK_DELAY_MS = 100

/** The port on Redis 7.0 or later: one node, Sentinel, or Cluster. [protocol §8] */
export class RedisMailboxStore implements MailboxStore {
  readonly #options: RedisStoreOptions
  readonly #writer: RedisClient
  /** Apart from the writer where that one waits for replicas, which holds up everything behind it. */
  readonly #reader: RedisClient
  readonly #watch: NodeWatch
  readonly #wakeUps: WakeUps
  readonly #sweep: TouchSweep
  readonly #lanes = new Map<string, WriteLane>()
  /** Writes to partitions that are changing their node. */
  readonly #held = new Map<number, Write[]>()
  #refreshing: Promise<void> | undefined
  #looking: NodeJS.Timeout | undefined
  readonly #onFault: (fault: StoreFault) => void

  constructor(options: RedisStoreOptions) {
    const { target, ca, minReplicas, wakeBits } = options
    this.#options = options
    this.#onFault = options.onFault ?? (() => {})
    this.#writer = createClient(target, ca)
    this.#reader = minReplicas > 0 ? createClient(target, ca) : this.#writer
    this.#watch = new NodeWatch([...new Set([this.#writer, this.#reader])], this.#onFault, options.guard)
    this.#wakeUps = new WakeUps(createClient(target, ca), wakeBits)
    this.#sweep = new TouchSweep({
      ...options.sweep,
      client: this.#reader,
      target,
      ca,
      isCleared: (node) => this.#watch.isCleared(node),
      onFault: this.#onFault,
    })
  }

  start(listener: StoreListener): Promise<void> {
    this.#watch.start({
      replaced: () => listener.replaced(),
      changed: () => this.#wakeUps.suspect(),
      state: (isUp) => this.#wakeUps.storeIs(isUp),
    })
    this.#wakeUps.start(listener)
    this.#sweep.start()
    return Promise.resolve()
  }

  close(): Promise<void> {
    clearTimeout(this.#looking)
    for (const lane of this.#lanes.values()) lane.flush()
    this.#sweep.stop()
    this.#watch.stop()
    this.#wakeUps.stop()
    for (const client of new Set([this.#writer, this.#reader])) closeClient(client)
    return Promise.resolve()
  }

  isReady(): boolean {
    return this.#watch.isUp && this.#wakeUps.isSubscribed
  }

  memory(): StoreMemory | undefined {
    return this.#watch.memory()
  }

  nowSeconds(partition: number): number {
    return this.#watch.nowSeconds(nodeNameOf(this.#writer, partition) ?? SINGLE_NODE)
  }

  deposit(deposit: PendingDeposit): void {
    this.#write(new DepositWrite(deposit))
  }

  erase(erasure: PendingErasure): void {
    if (erasure.seqs.length > 0) this.#write(new EraseWrite(erasure))
    else queueMicrotask(() => erasure.erased(0))
  }

  async survey(buckets: readonly Bucket[]): Promise<Waiting[]> {
    if (buckets.length === 0) return []
    const keys = buckets.map(bucketKey)
    const [{ partition }] = buckets as [Bucket]
    const existing = await this.#command(partition, (client) => client.exists(...keys))
    if (existing === 0) return []
    const counts = (await this.#script(partition, SCRIPTS.survey, keys, [])) as number[]
    const waiting: Waiting[] = []
    for (let i = 0; i < counts.length; i += 2) {
      waiting.push({ bucket: buckets[counts[i] as number] as Bucket, count: counts[i + 1] as number })
    }
    return waiting
  }

  read(bucket: Bucket, after: Cursor | undefined, limit: number): Promise<Page> {
    return this.#command(bucket.partition, (client) => readPage(client, bucket, after, limit))
  }

  follow(queue: QueueName): Promise<void> {
    return this.#wakeUps.follow(queue)
  }

  unfollow(queue: QueueName): void {
    this.#wakeUps.unfollow(queue)
  }

  async announce(queue: QueueName, announcement: Announcement): Promise<void> {
    const channel = wakeChannel(queue, this.#options.wakeBits)
    await this.#command(queue.partition, (client) => client.spublish(channel, encodeAnnouncement(queue, announcement)))
  }

  #write(write: Write): void {
    const held = this.#held.get(write.partition)
    if (held) held.push(write)
    else this.#dispatch(write)
  }

  #dispatch(write: Write): void {
    const name = nodeNameOf(this.#writer, write.partition)
    // Never within the call that asks for it.
    if (name === undefined) queueMicrotask(() => write.fail())
    else this.#laneOf(name).add(write)
  }

  #laneOf(node: string): WriteLane {
    const known = this.#lanes.get(node)
    if (known) return known
    const { minReplicas, wakeBits, onBatch } = this.#options
    const lane: WriteLane = new WriteLane({
      connection: () => this.#watch.clearedNode(this.#writer, node),
      nowSeconds: () => this.#watch.nowSeconds(node),
      correctClock: (seconds) => this.#watch.correct(node, seconds),
      redirect: (writes, askNode) => this.#redirect(lane, writes, askNode),
      onFault: this.#onFault,
      onBatch: onBatch ?? (() => {}),
      canMixPartitions: node === SINGLE_NODE,
      minReplicas,
      wakeBits,
    })
    this.#lanes.set(node, lane)
    return lane
  }

  // All that is asked of a partition meanwhile waits behind what was refused, so that order stays.
  #redirect(lane: WriteLane, writes: readonly Write[], askNode: string | undefined): void {
    if (askNode !== undefined) return this.#laneOf(askNode).ask(writes)
    for (const write of writes) {
      const held = this.#held.get(write.partition)
      if (held) held.push(write)
      else {
        this.#held.set(write.partition, [write])
        setTimeout(() => void this.#release(write.partition), REDIRECT_DELAY_MS)
      }
    }
    const partitions = new Set(writes.map(({ partition }) => partition))
    for (const write of lane.take(partitions)) this.#held.get(write.partition)?.push(write)
  }

  async #release(partition: number): Promise<void> {
    this.#refreshing ??= refreshTopology(this.#writer).finally(() => {
      this.#refreshing = undefined
    })
    await this.#refreshing
    const held = this.#held.get(partition) ?? []
    this.#held.delete(partition)
    for (const write of held) this.#dispatch(write)
  }

  /** Runs a script whose first key names its node; bulk replies are Buffers. */
  #script(partition: number, script: Script, keys: readonly string[], args: readonly (string | number)[]) {
    return this.#command(partition, async (client) => {
      try {
        return await client.callBuffer('EVALSHA', script.sha, keys.length, ...keys, ...args)
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return client.callBuffer('EVAL', script.lua, keys.length, ...keys, ...args)
      }
    })
  }

  async #command<T>(partition: number, send: (client: Redis) => Promise<T>): Promise<T> {
    if (!this.#watch.mayAsk(this.#reader, partition)) throw new StoreUnavailableError()
    const startedMs = performance.now()
    try {
      // A Cluster takes the same commands and finds the node itself; its type only lacks the common base.
      const answer = await send(this.#reader as Redis)
      this.#options.onCommand?.(performance.now() - startedMs)
      return answer
    } catch (error) {
      this.#onFault(faultOf(error))
      this.#lookSoon()
      throw new StoreUnavailableError()
    }
  }

  #lookSoon(): void {
    this.#looking ??= setTimeout(() => {
      this.#looking = undefined
      void refreshTopology(this.#reader)
    }, LOOK_DELAY_MS).unref()
  }
}
