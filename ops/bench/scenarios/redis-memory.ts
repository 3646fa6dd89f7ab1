import { type Effort, ENVELOPE_BYTES, targetOf, withServer } from '../measure.ts'
import { systemNamed } from '../systems.ts'

/** What Redis needs for a byte of envelope, as a ratio. */
export interface RedisMemory {
  readonly eightInBucket: number
  readonly oneInBucket: number
}

/** Stores envelopes in mailboxes, so many in each, and compares what Redis uses before and after. */
export async function measureRedisMemory(count: number, effort: Effort): Promise<RedisMemory> {
  const measure = (each: number) =>
    withServer(systemNamed('lethe-redis'), {}, async (server, clients) => {
      const used = async () =>
        Number(/^used_memory:(\d+)/m.exec((await server.redis?.cli('INFO', 'memory')) ?? '')?.[1])
      await clients.prepare({ ...targetOf('lethe', server, effort), recipients: count / each, owned: 0 })
      const before = await used()
      await clients.store({ count, pids: server.pids })
      return ((await used()) - before) / (count * ENVELOPE_BYTES)
    })
  return { eightInBucket: await measure(8), oneInBucket: await measure(1) }
}
