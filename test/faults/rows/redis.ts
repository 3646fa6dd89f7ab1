import { setTimeout as sleep } from 'node:timers/promises'
import { defineFault } from '../frame/fault.ts'
import { openPair } from '../stores/pair.ts'
import { openSingle } from '../stores/single.ts'

/** Longer than a relay waits for an answer of its store. */
const STOP_MS = 6_000
const FULL_MS = 3_000
const ROOM = '1gb'

export const stopRedis = defineFault({
  name: `SIGSTOP of Redis for ${STOP_MS / 1_000} s`,
  rounds: 5,
  bug: 'answers early',
  since: 'SIGCONT',
  openStore: openPair,
  async strike({ store: { master } }) {
    master.pause()
    await sleep(STOP_MS)
    master.resume()
    return performance.now()
  },
})

export const fullRedis = defineFault({
  name: `Redis out of memory for ${FULL_MS / 1_000} s`,
  rounds: 5,
  bug: 'answers early',
  since: 'room again',
  openStore: openPair,
  async strike({ store: { master } }) {
    await master.cli('CONFIG', 'SET', 'maxmemory', '1mb')
    await sleep(FULL_MS)
    await master.cli('CONFIG', 'SET', 'maxmemory', ROOM)
    return performance.now()
  },
  complaints: ({ refusals }) => (refusals.ERR_STORE_UNAVAILABLE ? [] : ['a full Redis refused nobody']),
})

export const emptyRedis = defineFault({
  name: 'Redis without a replica restarted empty: all copies are gone',
  rounds: 5,
  bug: 'lost claim',
  since: 'the kill',
  mayLose: true,
  openStore: openSingle,
  async strike({ store: { redis } }) {
    const atMs = performance.now()
    await redis.kill()
    await redis.restart()
    return atMs
  },
  complaints: ({ connections: { ends } }) => (ends['4503'] ? [] : ['no channel was closed with 4503']),
})
