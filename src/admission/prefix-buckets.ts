import { createHash } from 'node:crypto'
import type { Clock, RandomSource } from '../mailbox/ports.ts'
import type { Ticks } from './ticks.ts'
import { type BucketShape, refilled } from './token-bucket.ts'

/** A power of two. */
const BUCKETS = 65_536
const SALT_BYTES = 32
const SALT_PERIOD_MS = 300_000

/** The two buckets of an address prefix. */
export interface Place {
  readonly first: number
  readonly second: number
}

/**
 * Buckets of address prefixes: as many as there are, however many prefixes come, and none of them has a name. Which two are
 * a prefix's own follows from a salted hash, and after the next salt from another one, so that nothing here tells whose
 * they were. Both are charged, and the fuller one counts: another prefix can take the one from it, hardly ever both.
 */
export class PrefixBuckets {
  readonly #shape: BucketShape
  readonly #ticks: Ticks
  readonly #tokens: Float64Array
  readonly #filledAt = new Float64Array(BUCKETS)
  #salt: Uint8Array
  #epoch = 0
  readonly #stop: () => void

  constructor(shape: BucketShape, ticks: Ticks, clock: Clock, random: RandomSource) {
    this.#shape = shape
    this.#ticks = ticks
    this.#tokens = new Float64Array(BUCKETS).fill(shape.capacity)
    this.#salt = random.bytes(SALT_BYTES)
    this.#stop = clock.every(SALT_PERIOD_MS, () => {
      this.#salt.fill(0)
      this.#salt = random.bytes(SALT_BYTES)
      this.#epoch++
    })
  }

  /** Number of the salt: what `place` gave under an earlier one holds no longer. */
  get epoch(): number {
    return this.#epoch
  }

  place(prefix: Uint8Array): Place {
    const hash = createHash('sha256').update(this.#salt).update(prefix).digest()
    return { first: hash.readUInt32BE(0) % BUCKETS, second: hash.readUInt32BE(4) % BUCKETS }
  }

  tokens({ first, second }: Place): number {
    return Math.max(this.#fill(first), this.#fill(second))
  }

  isAtFloor(place: Place): boolean {
    return this.tokens(place) <= this.#shape.floor
  }

  take({ first, second }: Place, tokens: number): void {
    this.#takeFrom(first, tokens)
    if (second !== first) this.#takeFrom(second, tokens)
  }

  stop(): void {
    this.#stop()
    this.#salt.fill(0)
  }

  #takeFrom(bucket: number, tokens: number): void {
    this.#tokens[bucket] = Math.max(this.#shape.floor, this.#fill(bucket) - tokens)
  }

  #fill(bucket: number): number {
    const tokens = this.#tokens[bucket] as number
    const ticks = this.#ticks.now - (this.#filledAt[bucket] as number)
    if (ticks === 0) return tokens
    this.#filledAt[bucket] = this.#ticks.now
    const filled = refilled(this.#shape, tokens, ticks)
    this.#tokens[bucket] = filled
    return filled
  }
}
