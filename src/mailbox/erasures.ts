import type { Counts } from './counts.ts'
import type { Bucket, MailboxStore } from './mailbox-store.ts'
import { bucketOf, type EnvelopeName, type Queue } from './sealing.ts'

/** Acknowledged envelopes that a session keeps in mind while the store cannot erase them; more closes the channel. */
const MAX_WAITING = 4096

/** Carries out acknowledgements: erases, and keeps at it while the store is away. */
export class Erasures {
  readonly #store: MailboxStore
  readonly #counts: Counts
  readonly #onOverflow: () => void
  #waiting: (() => void)[] = []
  #waitingEnvelopes = 0

  /** @param onOverflow called when more waits for the store to come back than can be kept in mind */
  constructor(store: MailboxStore, counts: Counts, onOverflow: () => void) {
    this.#store = store
    this.#counts = counts
    this.#onOverflow = onOverflow
  }

  /** Resolves when the envelopes are gone: erased and confirmed, or expired. */
  async erase(bucket: Bucket, seqs: readonly number[]): Promise<void> {
    // Also where its time seems to be up: the store's clock may have jumped back, and is only asked from time to time.
    do {
      try {
        const erased = await this.#store.erase(bucket, seqs)
        return this.#counts.acknowledged(erased, bucket.classIndex, bucket.expiresAt)
      } catch {
        await this.#untilRetry(seqs.length)
      }
    } while (bucket.expiresAt > this.#store.nowSeconds(bucket.partition))
  }

  /** Tries again what failed. */
  retry(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#waitingEnvelopes = 0
    for (const proceed of waiting) proceed()
  }

  #untilRetry(envelopes: number): Promise<void> {
    this.#waitingEnvelopes += envelopes
    if (this.#waitingEnvelopes > MAX_WAITING) this.#onOverflow()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
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
