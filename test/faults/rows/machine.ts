import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../../_util/wait.ts'
import { type AnyFault, defineFault, LOOPBACK, type World } from '../frame/fault.ts'
import { HeldConnections } from '../frame/held-connections.ts'
import { mountTinyDisk, type TinyDisk } from '../stores/full-disk.ts'
import { openPair, type RedisPair } from '../stores/pair.ts'

/** What a relay is left with, and how many connections want some of it. */
const DESCRIPTORS = 100
const CONNECTIONS = 200
const WITHOUT_MS = 5_000
const STALLS = 4
const STALL_EVERY_MS = 2_500

const limitedTo = (descriptors: number) => ['sh', '-c', `ulimit -n ${descriptors} && exec "$@"`, 'sh']

/** Has every relay lose its connections to Redis, say so, and connect again. */
const disconnect = ({ master }: RedisPair) => master.cli('CLIENT', 'KILL', 'TYPE', 'normal')

const fullDisk = defineFault<RedisPair & { disk: TinyDisk }>({
  name: 'the disk that a relay logs to is full, and it loses Redis for a moment',
  rounds: 5,
  bug: 'answers early',
  since: 'the loss',
  openStore: async (scope) => ({ disk: mountTinyDisk(scope), ...(await openPair(scope)) }),
  berths: async (_scope, { disk: { logFile } }) => [{ ...LOOPBACK, logFile }, LOOPBACK],
  async strike({ store }) {
    store.disk.fill()
    const atMs = performance.now()
    await disconnect(store)
    return atMs
  },
  repair: async ({ store }) => store.disk.clear(),
})

/** Takes all that a relay has left for so long, and meanwhile its connections to Redis until it says that it is not ready. */
async function takeDescriptors({ store, fleet: { one }, traffic }: World<RedisPair>, ms: number): Promise<void> {
  const held = new HeldConnections(one.url, CONNECTIONS)
  try {
    await sleep(ms / 5)
    await eventually(async () => {
      // What this sets free the relay may be the first to take.
      await disconnect(store)
      await sleep(ms / 5)
      return !(await one.isReady())
    })
    traffic.depart(0.5, 0.5)
    await sleep((3 * ms) / 5)
  } finally {
    held.release()
  }
}

const noDescriptors = defineFault({
  name: `no descriptor is left in a relay for ${WITHOUT_MS / 1_000} s, and it loses Redis`,
  rounds: 5,
  bug: 'answers early',
  since: 'the strangers left',
  openStore: openPair,
  berths: async () => [{ ...LOOPBACK, launcher: limitedTo(DESCRIPTORS) }, LOOPBACK],
  async strike(world) {
    await takeDescriptors(world, WITHOUT_MS)
    return performance.now()
  },
})

const stalls = defineFault({
  name: `the event loop of a relay stalls ${STALLS} times for 1.5 s, while recipients come anew`,
  rounds: 5,
  bug: 'erases early',
  since: 'the last stall',
  openStore: openPair,
  berths: async () => [{ ...LOOPBACK, ailment: 'stall' }, LOOPBACK],
  async strike({ fleet: { one }, traffic }) {
    for (let i = 0; i < STALLS; i++) {
      one.fallIll()
      await sleep(STALL_EVERY_MS / 5)
      traffic.depart(0.8, 0.5)
      await sleep((4 * STALL_EVERY_MS) / 5)
    }
    return performance.now()
  },
})

/** All of that at once, and a wrong date, as far as it can be had everywhere and does not take long. */
export const sickRelay = defineFault({
  name: 'a relay can log nothing, has no descriptor left, stalls, takes another date and loses Redis',
  rounds: 1,
  bug: 'answers early',
  since: 'the strangers left',
  openStore: openPair,
  berths: async () => [
    { ...LOOPBACK, launcher: limitedTo(DESCRIPTORS), ailment: 'stall and wrong date', logFile: '/dev/full' },
    LOOPBACK,
  ],
  async strike(world) {
    world.fleet.one.fallIll()
    await takeDescriptors(world, WITHOUT_MS / 2)
    return performance.now()
  },
})

export const MACHINE: Readonly<Record<string, AnyFault>> = {
  'full-disk': fullDisk,
  'no-descriptors': noDescriptors,
  stalls,
}
