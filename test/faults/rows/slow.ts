import { eventually } from '../../_util/wait.ts'
import { type Attacker, startAttacker } from '../../attacks/attacker.ts'
import { MOST_GROWN_BYTES } from '../../attacks/plans.ts'
import { residentBytes } from '../../integration/served.ts'
import { type AnyFault, defineFault, type World } from '../frame/fault.ts'
import { openPair, type RedisPair } from '../stores/pair.ts'

const PATIENCE = { timeoutMs: 60_000, intervalMs: 100 }

interface SlowPair extends RedisPair {
  attackers: Attacker[]
  bytesBefore: number
  grownBytes: number
}

/** Clients come to one relay, so many that read slowly and as many that write slowly, and stay until the repair. */
async function comeSlowly({ store, fleet: { one } }: World<SlowPair>, each: number): Promise<void> {
  const port = Number(new URL(one.url).port)
  for (const behaviour of ['slow readers', 'slow writers'] as const) {
    const attacker = startAttacker({ behaviour, connections: each, port, from: '127.66.0.1' })
    store.attackers.push(attacker)
    await eventually(() => (attacker.counts().slow ?? 0) >= each, PATIENCE)
  }
}

async function leave(store: SlowPair): Promise<void> {
  await Promise.all(store.attackers.splice(0).map((attacker) => attacker.stop()))
}

/** @param each how many readers, and how many writers */
export function slowClients(each: number): AnyFault {
  return defineFault<SlowPair>({
    name: `${each.toLocaleString('en-US')} slow readers and as many slow writers come to a relay, and a quarter of all is slow`,
    rounds: 3,
    bug: 'erases early',
    since: 'the last came',
    plan: { slowShare: 0.25 },
    async openStore(scope) {
      const store: SlowPair = { ...(await openPair(scope)), attackers: [], bytesBefore: 0, grownBytes: 0 }
      scope.defer(() => leave(store))
      return store
    },
    async strike(world) {
      const { store, fleet, traffic } = world
      store.bytesBefore ||= residentBytes(fleet.one)
      await comeSlowly(world, each)
      traffic.depart(0.5, 0.5)
      return performance.now()
    },
    async repair({ store, fleet }) {
      store.grownBytes = Math.max(store.grownBytes, residentBytes(fleet.one) - store.bytesBefore)
      await leave(store)
    },
    complaints: (_report, { store: { grownBytes } }) =>
      grownBytes > MOST_GROWN_BYTES ? [`the memory of the relay grew by ${grownBytes} bytes`] : [],
  })
}
