import type { RedisServer } from '../../_util/redis.ts'
import { admitReplica, type SentinelGroup, startSentinelGroup } from '../../_util/sentinel.ts'
import { eventually } from '../../_util/wait.ts'
import type { Backing } from '../frame/fault.ts'
import type { Scope } from '../frame/scope.ts'
import { AS_DEPLOYED } from './start-node.ts'

const PATIENCE = { timeoutMs: 60_000, intervalMs: 100 }

export interface Sentinels extends Backing {
  readonly group: SentinelGroup
}

/** A master with two replicas and three Sentinels; nodes come back as those of deploy/compose.sentinel.yaml. */
export async function openSentinels(scope: Scope): Promise<Sentinels> {
  const group = await startSentinelGroup({ replicas: 2, again: AS_DEPLOYED })
  scope.defer(() => group.stop())
  return { group, env: { LETHE_REDIS_URL: group.url, LETHE_REDIS_MIN_REPLICAS: '1' } }
}

/** What deploy/redis/keep-sentinel does: sends a node that has come back as nobody to the master that there is now. */
export async function sendToMaster({ group }: Sentinels, node: RedisServer): Promise<void> {
  const master = await eventually(async () => {
    const one = await group.master()
    return one !== node && one
  }, PATIENCE)
  await admitReplica(node, master)
}
