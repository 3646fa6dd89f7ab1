import { type RedisServer, startRedis } from '../../_util/redis.ts'
import { eventually } from '../../_util/wait.ts'
import type { Backing } from '../frame/fault.ts'
import type { Scope } from '../frame/scope.ts'

export interface RedisPair extends Backing {
  readonly master: RedisServer
  readonly replica: RedisServer
}

/** Whether a replica has all that its master has. */
export async function isFollowing(node: RedisServer): Promise<boolean> {
  return (await node.cli('INFO', 'replication')).includes('master_link_status:up')
}

/** A master, and a replica that confirms what is written. */
export async function openPair(scope: Scope): Promise<RedisPair> {
  const master = await startRedis()
  scope.defer(() => master.stop())
  const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${master.port}`] })
  scope.defer(() => replica.stop())
  await eventually(() => isFollowing(replica))
  return { master, replica, env: { LETHE_REDIS_URL: master.url, LETHE_REDIS_MIN_REPLICAS: '1' } }
}
