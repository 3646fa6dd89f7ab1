import {
  type Announcement,
  type Bucket,
  type Cursor,
  type MailboxStore,
  type PendingDeposit,
  type PendingErasure,
  type QueueName,
  type StoreListener,
  StoreUnavailableError,
} from '../../src/mailbox/mailbox-store.ts'

/** A store that can be cut off: then nothing reaches it, and wake-ups are missed. */
export class FailingStore implements MailboxStore {
  readonly #store: MailboxStore
  #listener: StoreListener | undefined
  #isDown = false

  constructor(store: MailboxStore) {
    this.#store = store
  }

  get isDown(): boolean {
    return this.#isDown
  }

  /** Cuts the store off, or brings it back. */
  cut(isDown: boolean): void {
    if (isDown === this.#isDown) return
    this.#isDown = isDown
    if (isDown) this.#listener?.down()
    else this.#listener?.up(true)
  }

  async start(listener: StoreListener): Promise<void> {
    this.#listener = listener
    await this.#store.start({
      up: (isGap) => listener.up(isGap),
      down: () => listener.down(),
      replaced: () => listener.replaced(),
      wake: (...args) => this.#isDown || listener.wake(...args),
      announced: (...args) => this.#isDown || listener.announced(...args),
    })
  }

  deposit(deposit: PendingDeposit): void {
    if (this.#isDown) queueMicrotask(() => deposit.failed())
    else this.#store.deposit(deposit)
  }

  survey(buckets: readonly Bucket[]) {
    return this.#reach(() => this.#store.survey(buckets))
  }

  read(bucket: Bucket, after: Cursor | undefined, limit: number) {
    return this.#reach(() => this.#store.read(bucket, after, limit))
  }

  erase(erasure: PendingErasure): void {
    if (this.#isDown) queueMicrotask(() => erasure.failed())
    else this.#store.erase(erasure)
  }

  nowSeconds(partition: number): number {
    return this.#store.nowSeconds(partition)
  }

  follow(queue: QueueName) {
    return this.#reach(() => this.#store.follow(queue))
  }

  unfollow(queue: QueueName): void {
    this.#store.unfollow(queue)
  }

  announce(queue: QueueName, announcement: Announcement) {
    return this.#reach(() => this.#store.announce(queue, announcement))
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  isReady(): boolean {
    return !this.#isDown && this.#store.isReady()
  }

  memory() {
    return this.#store.memory()
  }

  async #reach<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#isDown) throw new StoreUnavailableError()
    return await operation()
  }
}
