import type { RedisCluster } from '../_util/cluster.ts'
import type { RedisServer } from '../_util/redis.ts'

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

/** Names of all keys on one node. */
export async function keysOf(node: RedisServer): Promise<string[]> {
  return lines(await node.cli('--scan'))
}

/** Names of all keys on the masters. */
export async function allKeys({ nodes }: RedisCluster): Promise<string[]> {
  return (await Promise.all(nodes.slice(0, 3).map(keysOf))).flat()
}

/** Names of the sharded channels that somebody is subscribed to, on any of the masters. */
export async function allChannels({ nodes }: RedisCluster): Promise<string[]> {
  const channels = nodes.slice(0, 3).map(async (node) => lines(await node.cli('PUBSUB', 'SHARDCHANNELS')))
  return (await Promise.all(channels)).flat()
}
