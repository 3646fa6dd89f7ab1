import type { Redis } from 'ioredis'
import type { StoreMemory } from '../../mailbox/mailbox-store.ts'
import { parseInfo } from './node-settings.ts'

/**
 * Asks a node how much memory it uses, of what counts against its limit, and what that is: `maxmemory`, or all that the
 * machine has.
 * @throws where the node cannot answer now
 */
export async function readMemory(node: Redis): Promise<StoreMemory> {
  const info = parseInfo(await node.info('memory'))
  const bytes = (field: string) => Number(info.get(field) ?? 0)
  return {
    // What is on its way to replicas does not make a node refuse writes.
    usedBytes: bytes('used_memory') - bytes('mem_not_counted_for_evict'),
    limitBytes: bytes('maxmemory') || bytes('total_system_memory'),
  }
}

/** That of the node which will be full first; undefined where there is none. */
export function fullestOf(nodes: Iterable<StoreMemory>): StoreMemory | undefined {
  const fill = ({ usedBytes, limitBytes }: StoreMemory) => usedBytes / limitBytes
  let fullest: StoreMemory | undefined
  for (const node of nodes) if (fullest === undefined || fill(node) > fill(fullest)) fullest = node
  return fullest
}
