import { RETRY_AFTER_SECONDS } from '../protocol/errors.ts'
import { TICKS_PER_SECOND, type Ticks } from './ticks.ts'

/** How fast buckets fill, how much they hold, and how much may be owed. */
export interface BucketShape {
  readonly tokensPerTick: number
  readonly capacity: number
  /** The least that a bucket can come to, below zero. */
  readonly floor: number
}

/**
 * A full bucket lasts as long as `Retry-After` says: who was told to wait and did finds it full, or half full where it
 * owed as much as can be owed.
 */
export function bucketShape(bytesPerSecond: number): BucketShape {
  const capacity = bytesPerSecond * (RETRY_AFTER_SECONDS.ERR_RATE_LIMITED ?? 1)
  return { tokensPerTick: bytesPerSecond / TICKS_PER_SECOND, capacity, floor: -capacity / 2 }
}

/** What is in a bucket some ticks later. */
export function refilled({ tokensPerTick, capacity }: BucketShape, tokens: number, ticks: number): number {
  return Math.min(capacity, tokens + ticks * tokensPerTick)
}

/** The bucket of one connection. Full at first. */
export class TokenBucket {
  readonly #shape: BucketShape
  readonly #ticks: Ticks
  #tokens: number
  #filledAt: number

  constructor(shape: BucketShape, ticks: Ticks) {
    this.#shape = shape
    this.#ticks = ticks
    this.#tokens = shape.capacity
    this.#filledAt = ticks.now
  }

  /** What it holds now; below zero, what is owed. */
  get tokens(): number {
    const ticks = this.#ticks.now - this.#filledAt
    if (ticks > 0) {
      this.#tokens = refilled(this.#shape, this.#tokens, ticks)
      this.#filledAt = this.#ticks.now
    }
    return this.#tokens
  }

  get isAtFloor(): boolean {
    return this.tokens <= this.#shape.floor
  }

  take(tokens: number): void {
    this.#tokens = Math.max(this.#shape.floor, this.tokens - tokens)
  }
}
