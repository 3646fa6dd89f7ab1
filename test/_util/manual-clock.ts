import type { Clock } from '../../src/mailbox/ports.ts'

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  /** Moves the time forward, stopping at each timer that falls due to run it. */
  advance(ms: number): void
  /** Moves the time forward without running a timer, as a busy process or a clock set forward would. */
  jump(ms: number): void
}

interface Timer {
  dueMs: number
  action: () => void
}

/** @param startMs Unix time in milliseconds */
export function createManualClock(startMs: number): ManualClock {
  let nowMs = startMs
  const timers = new Set<Timer>()

  function schedule(delayMs: number, action: () => void): () => void {
    const timer = { dueMs: nowMs + delayMs, action }
    timers.add(timer)
    return () => timers.delete(timer)
  }

  function earliest(untilMs: number): Timer | undefined {
    let found: Timer | undefined
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (found === undefined || timer.dueMs < found.dueMs)) found = timer
    }
    return found
  }

  return {
    nowMs: () => nowMs,
    after: schedule,
    every(periodMs, action) {
      let cancel = () => {}
      const again = () => {
        cancel = schedule(periodMs, () => {
          again()
          action()
        })
      }
      again()
      return () => cancel()
    },
    advance(ms) {
      const untilMs = nowMs + ms
      for (let timer = earliest(untilMs); timer; timer = earliest(untilMs)) {
        nowMs = Math.max(nowMs, timer.dueMs)
        timers.delete(timer)
        timer.action()
      }
      nowMs = untilMs
    },
    jump(ms) {
      nowMs += ms
    },
  }
}
