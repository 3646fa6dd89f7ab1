import { type RedisOptions, type RedisServer, startRedis } from '../../_util/redis.ts'
import type { Backing } from '../frame/fault.ts'
import type { Scope } from '../frame/scope.ts'

export interface SingleRedis extends Backing {
  readonly redis: RedisServer
}

/** One Redis and no replica: what it holds is gone when it ends. */
export async function openSingle(scope: Scope, options: RedisOptions = {}): Promise<SingleRedis> {
  const redis = await startRedis(options)
  scope.defer(() => redis.stop())
  return { redis, env: { LETHE_REDIS_URL: redis.url } }
}
