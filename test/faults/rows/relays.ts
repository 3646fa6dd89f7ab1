import { setTimeout as sleep } from 'node:timers/promises'
import { defineFault } from '../frame/fault.ts'
import type { RelayProcess } from '../frame/fleet.ts'
import { openPair } from '../stores/pair.ts'

/** Longer than a relay waits for an answer of its store. */
const STOP_MS = 6_000

export const killOneRelay = defineFault({
  name: 'kill -9 of one relay of two',
  rounds: 10,
  bug: 'answers early',
  since: 'the kill',
  openStore: openPair,
  async strike({ fleet }, round) {
    const atMs = performance.now()
    await (fleet.relays[round % 2] as RelayProcess).kill()
    return atMs
  },
  repair: ({ fleet }, round) => (fleet.relays[round % 2] as RelayProcess).start(),
})

export const killAllRelays = defineFault({
  name: 'kill -9 of all relays, started again at once',
  rounds: 10,
  bug: 'answers early',
  since: 'the kill',
  openStore: openPair,
  async strike({ fleet }) {
    const atMs = performance.now()
    await Promise.all(fleet.relays.map((relay) => relay.kill()))
    await Promise.all(fleet.relays.map((relay) => relay.start()))
    return atMs
  },
})

export const stopRelay = defineFault({
  name: `SIGSTOP of a relay for ${STOP_MS / 1_000} s, while half of the recipients come anew`,
  rounds: 5,
  bug: 'lost claim',
  since: 'SIGCONT',
  openStore: openPair,
  async strike({ fleet: { one }, traffic }) {
    one.signal('SIGSTOP')
    traffic.depart(0.5, 1)
    await sleep(STOP_MS)
    one.signal('SIGCONT')
    return performance.now()
  },
})
