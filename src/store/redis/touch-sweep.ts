import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, type Redis } from 'ioredis'
import type { Clock } from '../../mailbox/ports.ts'
import { systemClock } from '../../mailbox/system-ports.ts'
import { connectOnce, type RedisClient, type RedisTarget } from './client.ts'
import { faultOf, type StoreFault } from './faults.ts'
import { parseInfo } from './node-settings.ts'
import { replicasOf } from './topology.ts'

/** No bucket of a store is left untouched for longer than this. */
export const TOUCH_PERIOD_SECONDS = 600

const KEYS = 'lethe1:*'
/** Keys that one SCAN looks at, and one portion touches. */
const PORTION_KEYS = 256
/** Where a sample is taken from: so many places, and about so many keys at each. */
const SAMPLE_PLACES = 4
const SAMPLE_KEYS = 16
/** In a smaller sample keys that somebody happens to use could stand for all. */
const LEAST_SAMPLE = 32
/** After each portion Redis is left alone for so many times as long as the portion took. */
const REST_FACTOR = 4
const MAX_CURSOR = 2 ** 32

export interface TouchSweepOptions {
  readonly periodSeconds?: number
  readonly clock?: Clock
  /** A whole number from 0 up to but not including `limit`. */
  draw?(limit: number): number
}

interface TouchSweepParts extends TouchSweepOptions {
  readonly client: RedisClient
  /** Whether a connection leads to a node that may be used; left out, all do. */
  isCleared?(node: Redis): boolean
  readonly target: RedisTarget
  /** Certificate authorities in PEM. */
  readonly ca: string | undefined
  onFault(fault: StoreFault): void
}

/**
 * Redis notes of every key when it was last used (`OBJECT IDLETIME`). So every key is touched again and again, on masters
 * and replicas, and what Redis knows goes back to the last sweep, at most a period. Relays do this for each other: one
 * looks four times a period, and sweeps where no key of a random sample shows that another has done so in the last half.
 */
export class TouchSweep {
  readonly #parts: TouchSweepParts
  readonly #clock: Clock
  readonly #draw: (limit: number) => number
  readonly #periodSeconds: number
  #cancel = () => {}
  #isStopped = false

  constructor(parts: TouchSweepParts) {
    this.#parts = parts
    this.#clock = parts.clock ?? systemClock
    this.#draw = parts.draw ?? randomInt
    this.#periodSeconds = parts.periodSeconds ?? TOUCH_PERIOD_SECONDS
  }

  /** Begins at a random moment, since relays are often started together. */
  start(): void {
    this.#schedule(this.#draw(this.#lookMs))
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  get #lookMs(): number {
    return (this.#periodSeconds * 1000) / 4
  }

  #schedule(delayMs: number): void {
    this.#cancel = this.#clock.after(delayMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { client, isCleared = () => true } = this.#parts
    const masters = client instanceof Cluster ? client.nodes('master') : [client]
    for (const master of masters) if (master.status === 'ready' && isCleared(master)) await this.#visit(master)
    if (!this.#isStopped) this.#schedule(this.#lookMs)
  }

  /** Sweeps a master and its replicas, each by its own need: what is only read on one does not reach the others. */
  async #visit(master: Redis): Promise<void> {
    const { target, ca, onFault } = this.#parts
    try {
      await this.#sweepIfNeeded(master)
      const replicas = replicasOf(parseInfo(await master.info('replication')))
      for (const address of replicas) {
        const replica = await connectOnce(target, ca, address)
        // One that cannot be reached from here is named by the audit.
        if (typeof replica === 'string') continue
        try {
          if (target.kind === 'cluster') await replica.readonly()
          await this.#sweepIfNeeded(replica)
        } finally {
          replica.disconnect()
        }
      }
    } catch (error) {
      if (!this.#isStopped) onFault(faultOf(error))
    }
  }

  async #sweepIfNeeded(node: Redis): Promise<void> {
    if (!(await this.#wasSwept(node))) await this.#sweep(node)
  }

  async #wasSwept(node: Redis): Promise<boolean> {
    const keys: Buffer[] = []
    for (let i = 0; i < SAMPLE_PLACES; i++) {
      // Any number is a cursor. Not from the start, where a sweep that was never finished has begun.
      const [, found] = await node.scanBuffer(this.#draw(MAX_CURSOR), 'MATCH', KEYS, 'COUNT', SAMPLE_KEYS)
      keys.push(...found)
    }
    const pipeline = node.pipeline()
    for (const key of keys) pipeline.object('IDLETIME', key)
    const idleSeconds = valuesOf(await pipeline.exec()).map(Number)
    return idleSeconds.length >= LEAST_SAMPLE && Math.max(...idleSeconds) < this.#periodSeconds / 2
  }

  async #sweep(node: Redis): Promise<void> {
    let cursor = '0'
    do {
      const startedMs = performance.now()
      const [next, keys] = await node.scanBuffer(cursor, 'MATCH', KEYS, 'COUNT', PORTION_KEYS)
      cursor = next.toString()
      const pipeline = node.pipeline()
      // One by one, as keys of several partitions cannot share a command in a cluster.
      for (const key of keys) pipeline.touch(key)
      valuesOf(await pipeline.exec())
      await sleep((performance.now() - startedMs) * REST_FACTOR, undefined, { ref: false })
    } while (cursor !== '0' && !this.#isStopped)
  }
}

/** Replies of a pipeline. Keys that went away or moved meanwhile have none; a command that is refused is thrown. */
function valuesOf(replies: [error: Error | null, value: unknown][] | null): unknown[] {
  return (replies ?? []).flatMap(([error, value]) => {
    if (error !== null && faultOf(error) === 'permission') throw error
    return error === null && value !== null ? [value] : []
  })
}
