/**
 * The port to whatever keeps envelopes. Adapters: `store/memory` and `store/redis`; one contract suite runs on both.
 *
 * A store knows buckets, never mailboxes: names come from the caller, are opaque to it, and die with their contents.
 * What gives a promise rejects with StoreUnavailableError when the store is down.
 */
export interface MailboxStore {
  /**
   * Appends one sealed envelope, gives a new bucket its expiry, and wakes whoever follows the queue, all at once. What has
   * become of it is told after the write is confirmed, and never within this call. Deposits to one bucket are stored in
   * the order of the calls; of several that are stored in the same moment one wake-up may tell.
   */
  deposit(deposit: PendingDeposit): void

  /** How many envelopes wait in each of the buckets, all of one partition; those without any are left out. */
  survey(buckets: readonly Bucket[]): Promise<Waiting[]>

  /** At most `limit` envelopes of a bucket, in the order of their deposit, after the cursor or from the start. */
  read(bucket: Bucket, after: Cursor | undefined, limit: number): Promise<Page>

  /** Erases envelopes for good, and the bucket with its last one. What is not there is ignored. */
  erase(erasure: PendingErasure): void

  /** The store's clock for a partition, in whole Unix seconds, as well as this process knows it. */
  nowSeconds(partition: number): number

  /** Resolves once wake-ups and claims of the queue reach this process. Counted: each needs its own `unfollow`. */
  follow(queue: QueueName): Promise<void>
  unfollow(queue: QueueName): void

  /** Tells every process that follows the queue, this one included, in one order for all. */
  announce(queue: QueueName, announcement: Announcement): Promise<void>

  /** Starts serving; `listener` hears until `close`. Resolves at once, whether or not the store can be reached yet. */
  start(listener: StoreListener): Promise<void>
  close(): Promise<void>

  /** Whether operations can be expected to succeed now. */
  isReady(): boolean

  /** What it was seen to use last, at its fullest node; undefined before it could be asked. */
  memory(): StoreMemory | undefined
}

/**
 * An envelope on its way into a store, which calls one of `stored`, `full` and `failed`, once. No promise, since thousands
 * are under way at once, and what each of them holds is what collecting garbage costs.
 */
export interface PendingDeposit {
  readonly queue: QueueName
  /** Bytes that `seal` will give. */
  readonly sealedBytes: number
  /** Envelopes the bucket may hold: the same for all of one bucket. Asked for after `place`. */
  readonly capacity: number
  /**
   * Called with the store's time in Unix seconds, again if that time was refused.
   * @returns a bucket whose `expiresAt` fits the time
   */
  place(nowSeconds: number): Bucket
  /** Number of the first envelope, should this one create the bucket; 48 random bits, others at every call. */
  firstSeq(): number
  /** The envelope, sealed for the bucket it was placed in last: whole, or in pieces, which are joined where they are written. */
  seal(): Uint8Array | readonly Uint8Array[]
  /**
   * @param isFirst it created the bucket; further ones count up from it by one
   * @param isAnnounced whether there is a wake-up for it, or another's tells of it too
   */
  stored(seq: number, isFirst: boolean, isAnnounced: boolean): void
  /** Its bucket holds no more. */
  full(): void
  /** The store is down, full, or has not confirmed in time; whether it was stored is unknown. */
  failed(): void
}

/** As PendingDeposit: acknowledged envelopes of one bucket. */
export interface PendingErasure {
  readonly bucket: Bucket
  readonly seqs: readonly number[]
  /** Confirmed. @param count how many were there */
  erased(count: number): void
  /** The store is down, or has not confirmed in time; whether they were erased is unknown. */
  failed(): void
}

/** Memory of a store or one of its nodes. Where too little is left of it, deposits are refused. */
export interface StoreMemory {
  readonly usedBytes: number
  readonly limitBytes: number
}

/** One stream of envelopes: one mailbox, size, TTL class and expiry. [protocol §8] */
export interface Bucket {
  /** 0 to 4095 */
  readonly partition: number
  /** 16 bytes */
  readonly tag: Uint8Array
  readonly sizeIndex: number
  readonly classIndex: number
  /** Unix seconds */
  readonly expiresAt: number
}

/** What a store may know of a queue in order to wake its reader. */
export interface QueueName {
  readonly partition: number
  /** First three bytes of the queueId, as a number: the partition and up to twelve further bits. */
  readonly prefix: number
  /** 16 bytes */
  readonly wakeTag: Uint8Array
}

/** How many bytes there are, whole or in pieces. */
export function bytesIn(bytes: Uint8Array | readonly Uint8Array[]): number {
  if (bytes instanceof Uint8Array) return bytes.length
  let sum = 0
  for (const piece of bytes) sum += piece.length
  return sum
}

export interface Waiting {
  readonly bucket: Bucket
  readonly count: number
}

/**
 * Where a reader stands in a bucket. `base` is the number of the first envelope that the bucket ever held: a bucket that
 * was emptied and refilled has another, and is then read from its start.
 */
export interface Cursor {
  readonly base: number
  readonly last: number
}

export interface Page {
  readonly base: number
  /** Number of the last envelope that the bucket was ever given, whether or not it still waits. */
  readonly last: number
  readonly entries: readonly StoredEnvelope[]
  /** Whether more may wait after the last entry. */
  readonly more: boolean
}

export interface StoredEnvelope {
  readonly seq: number
  readonly sealed: Uint8Array
}

/**
 * `session`: 8 random bytes of one OPEN, which claims the mailbox; or which asks, after it may have missed a claim, whether
 * there is a later one; or which is told that there is.
 */
export interface Announcement {
  readonly kind: 'claim' | 'question' | 'answer'
  readonly session: Uint8Array
}

/** Keys of `wakeTag` are its 16 bytes as latin1 text. */
export interface StoreListener {
  wake(wakeTag: string, sizeIndex: number, classIndex: number, expiresAt: number): void
  announced(wakeTag: string, kind: Announcement['kind'], session: string): void
  /** The store can be used. `isGap`: wake-ups or claims may have been missed since the last time. */
  up(isGap: boolean): void
  down(): void
  /** What the store held may be gone: it came back as another one. Comes before `up`. */
  replaced(): void
}

export class StoreUnavailableError extends Error {
  readonly code = 'ERR_STORE_UNAVAILABLE'

  constructor() {
    super('the store is down, full, or has not confirmed')
    this.name = 'StoreUnavailableError'
  }
}
