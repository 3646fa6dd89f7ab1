import { setTimeout as sleep } from 'node:timers/promises'
import { type AnyFault, defineFault, LOOPBACK } from '../frame/fault.ts'
import type { Scope } from '../frame/scope.ts'
import { makeNamespace, type Namespace } from '../stores/namespace.ts'
import { openPair, type RedisPair } from '../stores/pair.ts'

/** Longer than a relay waits for an answer of its store. */
const PARTITION_MS = 6_000

interface PartedPair extends RedisPair {
  readonly namespace: Namespace
}

/** A pair that a relay in a namespace of its own reaches by a cable, and one beside it directly. */
async function openParted(scope: Scope): Promise<PartedPair> {
  const namespace = makeNamespace(scope)
  const pair = await openPair(scope, { args: ['--bind', '127.0.0.1', namespace.here, '--protected-mode', 'no'] })
  const env = { ...pair.env, LETHE_REDIS_URL: `redis://${namespace.here}:${pair.master.port}` }
  return { ...pair, env, namespace }
}

type Direction = 'input' | 'output'

function partition(name: string, between: 'redis' | 'clients', directions: readonly Direction[]): AnyFault {
  return defineFault({
    name: `${name}, ${PARTITION_MS / 1_000} s`,
    rounds: 3,
    bug: between === 'redis' ? 'answers early' : 'erases early',
    since: 'the end of the partition',
    limitSeconds: 40,
    openStore: openParted,
    berths: async (_scope, { namespace: { launcher, there } }) => [{ host: there, launcher, env: {} }, LOOPBACK],
    async strike({ store: { namespace, master }, fleet, traffic }) {
      const port = between === 'redis' ? master.port : Number(new URL(fleet.one.url).port)
      for (const direction of directions) namespace.drop(direction, port)
      await sleep(PARTITION_MS / 2)
      if (between === 'clients') traffic.depart(0.5, 0.5)
      await sleep(PARTITION_MS / 2)
      namespace.heal()
      return performance.now()
    },
  })
}

export const PARTITIONS: Readonly<Record<string, AnyFault>> = {
  'cut-redis': partition('partition between a relay and Redis, both ways', 'redis', ['input', 'output']),
  'cut-to-redis': partition('the same, from the relay to Redis only', 'redis', ['output']),
  'cut-from-redis': partition('the same, from Redis to the relay only', 'redis', ['input']),
  'cut-clients': partition('partition between a relay and its clients, both ways', 'clients', ['input', 'output']),
  'cut-to-clients': partition('the same, from the relay to clients only', 'clients', ['output']),
  'cut-from-clients': partition('the same, from clients to the relay only', 'clients', ['input']),
}
