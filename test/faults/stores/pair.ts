import { type RedisOptions, type RedisServer, startRedis } from '../../_util/redis.ts'
import { isFollowing } from '../../_util/sentinel.ts'
import { eventually } from '../../_util/wait.ts'
import type { Backing } from '../frame/fault.ts'
import type { Scope } from '../frame/scope.ts'

export interface RedisPair extends Backing {
  readonly master: RedisServer
  readonly replica: RedisServer
}

/** A master, and a replica that confirms what is written. */
export async function openPair(scope: Scope, options: RedisOptions = {}): Promise<RedisPair> {
  const master = await startRedis(options)
  scope.defer(() => master.stop())
  const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${master.port}`] })
  scope.defer(() => replica.stop())
  await eventually(() => isFollowing(replica))
  return { master, replica, env: { LETHE_REDIS_URL: master.url, LETHE_REDIS_MIN_REPLICAS: '1' } }
}
