import type { Allowance, Verdict } from '../mailbox/admission.ts'
import type { Place, PrefixBuckets } from './prefix-buckets.ts'
import type { TokenBucket } from './token-bucket.ts'

const MS_PER_SECOND = 1000

/** Told of what was refused, and on account of which bucket. */
export type OnLimited = (by: 'connection' | 'prefix') => void

export interface AllowanceParts {
  readonly prefixes: PrefixBuckets
  readonly connectionBytesPerSecond: number
  readonly prefixBytesPerSecond: number
  readonly onLimited: OnLimited
}

/** What one client may ask: as much as its own bucket and those of its address prefix hold. */
export class ClientAllowance implements Allowance {
  readonly #parts: AllowanceParts
  readonly #own: TokenBucket
  readonly #locate: () => Place | undefined
  #place: Place | undefined
  #epoch: number

  /**
   * @param own bucket of the connection
   * @param locate where the prefix is now; asked again after every change of the salt. Undefined: where it was
   */
  constructor(parts: AllowanceParts, own: TokenBucket, locate: () => Place | undefined) {
    this.#parts = parts
    this.#own = own
    this.#locate = locate
    this.#place = locate()
    this.#epoch = parts.prefixes.epoch
  }

  /** Whether the prefix owes as much as can be owed. */
  get isExhausted(): boolean {
    const place = this.#here()
    return place !== undefined && this.#parts.prefixes.isAtFloor(place)
  }

  ask(costBytes: number): Verdict {
    const by = this.#limitedBy()
    this.charge(costBytes)
    if (by === undefined) return 'admitted'
    this.#parts.onLimited(by)
    return this.#own.isAtFloor ? 'ended' : 'limited'
  }

  charge(costBytes: number): void {
    this.#own.take(costBytes)
    const place = this.#here()
    if (place) this.#parts.prefixes.take(place, costBytes)
  }

  debtMs(): number {
    const { prefixes, connectionBytesPerSecond, prefixBytesPerSecond } = this.#parts
    const own = this.#own.tokens
    const place = this.#here()
    const shared = place ? prefixes.tokens(place) : 0
    if (own >= 0 && shared >= 0) return 0
    return Math.max(-own / connectionBytesPerSecond, -shared / prefixBytesPerSecond) * MS_PER_SECOND
  }

  #limitedBy(): 'connection' | 'prefix' | undefined {
    if (this.#own.tokens <= 0) return 'connection'
    const place = this.#here()
    return place && this.#parts.prefixes.tokens(place) <= 0 ? 'prefix' : undefined
  }

  #here(): Place | undefined {
    const { epoch } = this.#parts.prefixes
    if (epoch !== this.#epoch) {
      this.#epoch = epoch
      this.#place = this.#locate() ?? this.#place
    }
    return this.#place
  }
}
