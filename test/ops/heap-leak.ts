import { getHeapStatistics } from 'node:v8'

/** Loaded into a relay: a leak that takes most of the heap once the program is there. */
const LEAKED_SHARE = 0.88
const PIECE_NUMBERS = 50_000
const START_MS = 2_000

const leaked: number[][] = []

setTimeout(() => {
  const { heap_size_limit: limit } = getHeapStatistics()
  while (getHeapStatistics().used_heap_size < LEAKED_SHARE * limit) {
    leaked.push(Array.from({ length: PIECE_NUMBERS }, (_, i) => i + 0.5))
  }
}, START_MS).unref()
