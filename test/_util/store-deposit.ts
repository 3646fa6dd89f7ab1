import {
  type Bucket,
  bytesIn,
  type MailboxStore,
  type PendingDeposit,
  type QueueName,
  StoreUnavailableError,
} from '../../src/mailbox/mailbox-store.ts'

/** All that a store is given of one envelope. */
export interface SealedEnvelope {
  readonly bucket: Bucket
  readonly queue: QueueName
  readonly firstSeq: number
  readonly capacity: number
  readonly sealed: Uint8Array | readonly Uint8Array[]
}

/** What a store has told of a deposit. */
export type DepositOutcome =
  | { readonly kind: 'stored'; readonly seq: number; readonly isFirst: boolean; readonly isAnnounced: boolean }
  | { readonly kind: 'full' }

/** A deposit that is made whole each time it is placed. */
class WholeDeposit implements PendingDeposit {
  readonly #make: (nowSeconds: number) => SealedEnvelope
  readonly #resolve: (outcome: DepositOutcome) => void
  readonly #reject: (error: Error) => void
  readonly #partition: number
  #made: SealedEnvelope | undefined

  constructor(
    partition: number,
    make: (nowSeconds: number) => SealedEnvelope,
    resolve: (outcome: DepositOutcome) => void,
    reject: (error: Error) => void,
  ) {
    this.#partition = partition
    this.#make = make
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Of what is not made yet only the partition is known. */
  get queue(): QueueName {
    return this.#made?.queue ?? { partition: this.#partition, prefix: 0, wakeTag: new Uint8Array(16) }
  }

  get sealedBytes(): number {
    return bytesIn(this.seal())
  }

  get capacity(): number {
    return this.#whole.capacity
  }

  get #whole(): SealedEnvelope {
    if (!this.#made) throw new Error('asked for before it was placed')
    return this.#made
  }

  place(nowSeconds: number): Bucket {
    this.#made = this.#make(nowSeconds)
    return this.#made.bucket
  }

  firstSeq(): number {
    return this.#whole.firstSeq
  }

  seal() {
    return this.#whole.sealed
  }

  stored(seq: number, isFirst: boolean, isAnnounced: boolean): void {
    this.#resolve({ kind: 'stored', seq, isFirst, isAnnounced })
  }

  full(): void {
    this.#resolve({ kind: 'full' })
  }

  failed(): void {
    this.#reject(new StoreUnavailableError())
  }
}

/**
 * Deposits one envelope.
 * @param make called with the store's time, again where that was refused
 * @throws StoreUnavailableError where the store says that it failed
 */
export function storeDeposit(
  store: Pick<MailboxStore, 'deposit'>,
  partition: number,
  make: (nowSeconds: number) => SealedEnvelope,
): Promise<DepositOutcome> {
  return new Promise((resolve, reject) => store.deposit(new WholeDeposit(partition, make, resolve, reject)))
}
