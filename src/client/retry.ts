import { pause, throwIfAborted } from './abort.ts'
import { NetworkError, RelayError } from './errors.ts'

/** How patiently to try again. Every pause is drawn at random between half and all of what is said here. */
export interface RetryOptions {
  /** First pause in milliseconds; it doubles with every failure in a row. */
  minDelayMs?: number
  /** Longest pause in milliseconds. */
  maxDelayMs?: number
  /** Failures in a row after which the last error is given to the caller. */
  maxAttempts?: number
  /** Milliseconds after which the last error is given to the caller. */
  maxTotalMs?: number
}

export type RetryPolicy = Readonly<Required<RetryOptions>>

/** For requests that somebody waits for. */
export const REQUEST_RETRY: RetryPolicy = { minDelayMs: 250, maxDelayMs: 10_000, maxAttempts: 8, maxTotalMs: 60_000 }

/** For receiving, which goes on until it is ended. */
export const RECEIVE_RETRY: RetryPolicy = {
  minDelayMs: 500,
  maxDelayMs: 30_000,
  maxAttempts: Number.POSITIVE_INFINITY,
  maxTotalMs: Number.POSITIVE_INFINITY,
}

/** Counts failures in a row, and says how long to pause and when to give up. */
export class Backoff {
  readonly #policy: RetryPolicy
  #failures = 0
  #sinceMs: number | undefined

  /** @param sinceMs when the time that `maxTotalMs` bounds began; without it, at the first failure in a row */
  constructor(policy: RetryPolicy, sinceMs?: number) {
    this.#policy = policy
    this.#sinceMs = sinceMs
  }

  /** Notes a failure. Gives the pause in milliseconds, or undefined where the policy's bounds are reached. */
  fail(atLeastMs = 0): number | undefined {
    const { minDelayMs, maxDelayMs, maxAttempts, maxTotalMs } = this.#policy
    const nowMs = performance.now()
    this.#sinceMs ??= nowMs
    this.#failures++
    const ceilingMs = Math.min(maxDelayMs, minDelayMs * 2 ** (this.#failures - 1))
    const delayMs = atLeastMs + ceilingMs * (0.5 + Math.random() / 2)
    const isOver = this.#failures >= maxAttempts || nowMs + delayMs > this.#sinceMs + maxTotalMs
    return isOver ? undefined : delayMs
  }

  succeed(): void {
    this.#failures = 0
    this.#sinceMs = undefined
  }
}

/** Whether the same request can succeed later without anything being changed. */
export function isTransient(error: unknown): error is NetworkError | RelayError {
  return error instanceof NetworkError || (error instanceof RelayError && isTransientCode(error.code))
}

export function isTransientCode(code: string | undefined): boolean {
  return code === 'ERR_STORE_UNAVAILABLE' || code === 'ERR_RATE_LIMITED' || code === 'ERR_DRAINING'
}

/**
 * Calls `attempt` until it gives a value, or an error that will not pass, or the policy's bounds are reached; waits at
 * least as long as `Retry-After` says.
 * @throws the last error of `attempt`; AbortedError
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  const backoff = new Backoff(policy, performance.now())
  for (;;) {
    throwIfAborted(signal)
    try {
      return await attempt()
    } catch (error) {
      if (!isTransient(error)) throw error
      const delayMs = backoff.fail((error.retryAfterSeconds ?? 0) * 1_000)
      if (delayMs === undefined) throw error
      await pause(delayMs, signal)
    }
  }
}
