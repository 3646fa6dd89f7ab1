import { AbortedError, type ClientError } from './errors.ts'
import { Backoff, type RetryPolicy } from './retry.ts'

/** A deposit that somebody waits for, from its call to its answer. */
export class PendingDeposit {
  readonly address: Uint8Array
  readonly envelope: Uint8Array
  /** What the caller asked for; without it the relay's default. */
  readonly ttlSeconds: number | undefined
  /** Counts the relay's transient refusals of this one. */
  readonly backoff: Backoff
  /** Resolves with the lifetime in seconds that was granted. */
  readonly done: Promise<number>
  #isSettled = false
  #settle!: { resolve(grantedSeconds: number): void; reject(error: ClientError): void }
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.reject(new AbortedError({ cause: this.#signal?.reason }))

  constructor(
    { address, envelope, ttlSeconds }: { address: Uint8Array; envelope: Uint8Array; ttlSeconds: number | undefined },
    { policy, signal }: { policy: RetryPolicy; signal: AbortSignal | undefined },
  ) {
    this.address = address
    this.envelope = envelope
    this.ttlSeconds = ttlSeconds
    this.backoff = new Backoff(policy)
    this.#signal = signal
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  resolve(grantedSeconds: number): void {
    this.#leave()
    this.#settle.resolve(grantedSeconds)
  }

  reject(error: ClientError): void {
    this.#leave()
    this.#settle.reject(error)
  }

  #leave(): void {
    this.#isSettled = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}

/** Deposits that are to be sent: those that were sent before come first, and all in the order in which they came. */
export class DepositQueue {
  #again: PendingDeposit[] = []
  readonly #fresh = new Set<PendingDeposit>()

  add(deposit: PendingDeposit): void {
    this.#fresh.add(deposit)
  }

  /** Puts back what was sent without success, in the order of sending. */
  putBack(deposits: readonly PendingDeposit[]): void {
    this.#again.push(...deposits)
  }

  /** The next one to send, left where it is; undefined where there is none. Forgets what nobody waits for any more. */
  peek(): PendingDeposit | undefined {
    while (this.#again[0]?.isSettled) this.#again.shift()
    if (this.#again[0] !== undefined) return this.#again[0]
    for (const deposit of this.#fresh) {
      if (!deposit.isSettled) return deposit
      this.#fresh.delete(deposit)
    }
    return undefined
  }

  take(deposit: PendingDeposit): void {
    if (this.#again[0] === deposit) this.#again.shift()
    else this.#fresh.delete(deposit)
  }

  rejectAll(error: ClientError): void {
    for (const deposit of [...this.#again, ...this.#fresh]) {
      if (!deposit.isSettled) deposit.reject(error)
    }
    this.#again = []
    this.#fresh.clear()
  }
}
