import { setTimeout as sleep } from 'node:timers/promises'

/** How long and how often `eventually` looks. */
export interface EventuallyOptions {
  /** Give up after this many milliseconds (default 10,000). */
  timeoutMs?: number
  /** Pause between two looks in milliseconds (default 25). */
  intervalMs?: number
}

/**
 * Calls `check` until it neither throws nor gives `false`, `null` or `undefined`, and resolves with what it gave
 * (0 and '' count as an answer). A check without a return value must therefore return something true.
 * When the time is up it rejects, with the last error as its cause.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 10_000, intervalMs = 25 }: EventuallyOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeoutMs
  let lastError: unknown
  for (;;) {
    try {
      const value = await check()
      if (value !== false && value !== null && value !== undefined) {
        return value as Exclude<T, false | null | undefined>
      }
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    if (performance.now() >= deadline) break
    await sleep(intervalMs)
  }
  const reason = lastError instanceof Error ? `: ${lastError.message}` : ''
  throw new Error(`not so within ${timeoutMs} ms${reason}`, { cause: lastError })
}
