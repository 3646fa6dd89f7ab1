import type { Clock } from '../mailbox/ports.ts'

/** A timer that comes this much early or late still belongs to its interval. */
const MAX_SLACK_MS = 1000

/**
 * When the next publication is due: at a multiple of the interval since 1970, so that all relays publish at the same
 * moments and none can be told from another by its own, and a whole interval from now at least (less what timers are
 * off), so that no shorter one ever shows what happened in it.
 */
export function nextPublicationMs(nowMs: number, intervalMs: number): number {
  const slackMs = Math.min(MAX_SLACK_MS, intervalMs / 10)
  return Math.ceil((nowMs + intervalMs - slackMs) / intervalMs) * intervalMs
}

/** Calls `publish` at the multiples of an interval, the first time after a whole one. @returns what ends it */
export function schedulePublications(clock: Clock, intervalMs: number, publish: () => void): () => void {
  let cancel = () => {}
  const wait = () => {
    const nowMs = clock.nowMs()
    cancel = clock.after(nextPublicationMs(nowMs, intervalMs) - nowMs, () => {
      wait()
      publish()
    })
  }
  wait()
  return () => cancel()
}
