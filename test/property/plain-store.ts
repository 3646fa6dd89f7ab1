import type { Bucket, Cursor, MailboxStore } from '../../src/mailbox/mailbox-store.ts'

/** A store to be compared with the model. */
export interface Subject {
  /** Started and ready. Other contents in it do no harm. */
  readonly store: MailboxStore
  /** Moves the store's clock forward. Absent where it cannot be moved: then nothing is deposited that expires soon. */
  advance?(seconds: number): void
  /** Called when a run is over; may look at the store once more. */
  end?(model: StoreModel): Promise<void>
}

/** One bucket as the model sees it. Names stay known when nothing is left, as clients remember ids. */
export interface ModelBucket {
  readonly bucket: Bucket
  base: number
  next: number
  waiting: { seq: number; sealed: string }[]
  /** Every number that was ever given out. */
  readonly given: number[]
  /** Every cursor that a reader was ever left with. */
  readonly cursors: Cursor[]
}

/** What a store should hold, in plain lists. Written from the port's text alone. [protocol §3, §8] */
export class StoreModel {
  readonly buckets: ModelBucket[] = []
  /** Makes first numbers: random in the relay, here distinct and shuffled, so that a run can be repeated. */
  #firstSeqs = 0

  find(bucket: Bucket): ModelBucket {
    const known = this.buckets.find((other) => Buffer.compare(other.bucket.tag, bucket.tag) === 0)
    if (known) return known
    const added = { bucket, base: 0, next: 0, waiting: [], given: [], cursors: [] }
    this.buckets.push(added)
    return added
  }

  nextFirstSeq(): number {
    this.#firstSeqs++
    return ((this.#firstSeqs * 52_711) % 65_537) * 2 ** 31 + this.#firstSeqs
  }

  /** When a record of the class is gone that is stored at `now`. */
  expiryOf(now: number, classIndex: number): number {
    const seconds = [60, 600, 3600, 86_400, 604_800][classIndex] as number
    const slots = ((now + seconds) * 6) / seconds
    return (Math.floor(slots) * seconds) / 6
  }

  deposit(bucket: Bucket, firstSeq: number, capacity: number, sealed: string) {
    const known = this.find(bucket)
    if (known.waiting.length >= capacity) return { kind: 'full' }
    const isFirst = known.waiting.length === 0
    if (isFirst) {
      known.base = firstSeq
      known.next = firstSeq
    }
    const seq = known.next++
    known.waiting.push({ seq, sealed })
    known.given.push(seq)
    return { kind: 'stored', seq, isFirst }
  }

  erase(known: ModelBucket, seqs: readonly number[]): void {
    known.waiting = known.waiting.filter(({ seq }) => !seqs.includes(seq))
  }

  expire(now: number): void {
    for (const known of this.buckets) if (known.bucket.expiresAt <= now) known.waiting = []
  }
}
