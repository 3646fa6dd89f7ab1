import type { BucketProgress } from './backlog.ts'
import type { Counts } from './counts.ts'
import { type Bucket, type MailboxStore, type PendingErasure, StoreUnavailableError } from './mailbox-store.ts'
import { bucketOf, type EnvelopeName, type Queue } from './sealing.ts'

/** Acknowledged envelopes that a session keeps in mind while the store cannot erase them; more closes the channel. */
const MAX_WAITING = 4096

interface ErasuresParts {
  readonly store: MailboxStore
  readonly counts: Counts
  /** Envelopes of a bucket are gone: erased and confirmed, or expired. */
  onGone(progress: BucketProgress | undefined, envelopes: number): void
  /** More waits for the store to come back than can be kept in mind. */
  onOverflow(): void
}

/** Carries out acknowledgements: erases, and keeps at it while the store is away. */
export class Erasures {
  readonly #parts: ErasuresParts
  #waiting: ErasureUnderWay[] = []
  #waitingEnvelopes = 0

  constructor(parts: ErasuresParts) {
    this.#parts = parts
  }

  /** @param progress how far the session has come with the bucket, where it knows that */
  erase(bucket: Bucket, seqs: readonly number[], progress?: BucketProgress): void {
    this.#parts.store.erase(new ErasureUnderWay(this, bucket, seqs, progress))
  }

  /** Tries again what failed. */
  retry(): void {
    const { store, onGone } = this.#parts
    const waiting = this.#waiting
    this.#waiting = []
    this.#waitingEnvelopes = 0
    for (const erasure of waiting) {
      const { bucket, seqs, progress } = erasure
      if (bucket.expiresAt > store.nowSeconds(bucket.partition)) store.erase(erasure)
      else onGone(progress, seqs.length)
    }
  }

  /** Told by an erasure. */
  erased({ bucket, seqs, progress }: ErasureUnderWay, count: number): void {
    const { counts, onGone } = this.#parts
    counts.acknowledged(count, bucket.classIndex, bucket.expiresAt)
    onGone(progress, seqs.length)
  }

  /** Told by an erasure. Also where its time seems to be up: the store's clock may have jumped back. */
  failed(erasure: ErasureUnderWay): void {
    this.#waiting.push(erasure)
    this.#waitingEnvelopes += erasure.seqs.length
    if (this.#waitingEnvelopes > MAX_WAITING) this.#parts.onOverflow()
  }
}

class ErasureUnderWay implements PendingErasure {
  readonly bucket: Bucket
  readonly seqs: readonly number[]
  readonly progress: BucketProgress | undefined
  readonly #erasures: Erasures

  constructor(erasures: Erasures, bucket: Bucket, seqs: readonly number[], progress: BucketProgress | undefined) {
    this.#erasures = erasures
    this.bucket = bucket
    this.seqs = seqs
    this.progress = progress
  }

  erased(count: number): void {
    this.#erasures.erased(this, count)
  }

  failed(): void {
    this.#erasures.failed(this)
  }
}

/**
 * Erases once. Resolves when that is confirmed, to how many were there.
 * @throws StoreUnavailableError
 */
export function eraseNow(store: Pick<MailboxStore, 'erase'>, bucket: Bucket, seqs: readonly number[]): Promise<number> {
  return new Promise((erased, reject) => {
    store.erase({ bucket, seqs, erased, failed: () => reject(new StoreUnavailableError()) })
  })
}

/** Names of one queue put together by bucket, so that each bucket is asked once. */
export function groupByBucket(
  queue: Queue,
  names: readonly (EnvelopeName | undefined)[],
): { bucket: Bucket; seqs: number[] }[] {
  const groups: { bucket: Bucket; seqs: number[] }[] = []
  for (const name of names) {
    if (name === undefined) continue
    const { sizeIndex, classIndex, expiresAt, seq } = name
    const known = groups.find(
      ({ bucket }) =>
        bucket.expiresAt === expiresAt && bucket.sizeIndex === sizeIndex && bucket.classIndex === classIndex,
    )
    if (known) known.seqs.push(seq)
    else groups.push({ bucket: bucketOf(queue, sizeIndex, classIndex, expiresAt), seqs: [seq] })
  }
  return groups
}
