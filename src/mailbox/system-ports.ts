import { randomFillSync } from 'node:crypto'
import type { Clock, RandomSource } from './ports.ts'

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs).unref()
    return () => clearTimeout(timer)
  },
  every(periodMs, action) {
    const timer = setInterval(action, periodMs).unref()
    return () => clearInterval(timer)
  },
}

const POOL_BYTES = 4096

// One system call a pool instead of one an envelope. Bytes are handed out once; a pool is never filled a second time.
export function createSystemRandom(): RandomSource {
  let pool = new Uint8Array(0)
  return {
    bytes(length) {
      if (length > pool.length) pool = randomFillSync(new Uint8Array(Math.max(POOL_BYTES, length)))
      const taken = pool.subarray(0, length)
      pool = pool.subarray(length)
      return taken
    },
  }
}
