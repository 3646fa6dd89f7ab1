import type { Redis } from 'ioredis'
import type { TrueStream, Truth } from './layout.ts'
import type { Observed } from './observe.ts'

const BATCH_KEYS = 64

/**
 * Asks a server how long each key has not been used, after it was told so: the day was written within a minute, so the
 * times are those of the simulation, set with RESTORE … IDLETIME, and the answers are Redis' own.
 * @param usedMs when a stream was last used or touched
 */
export async function observeUse(
  redis: Redis,
  observed: readonly Observed[],
  truth: Truth,
  endMs: number,
  usedMs: (stream: TrueStream) => number,
): Promise<Observed[]> {
  const result: Observed[] = []
  for (let i = 0; i < observed.length; i += BATCH_KEYS) {
    const portion = observed.slice(i, i + BATCH_KEYS)
    const dumps = await redis.pipeline(portion.map(({ key }) => ['dumpBuffer', key])).exec()
    const pipeline = redis.pipeline()
    for (const [place, { key, expiresAt = 0 }] of portion.entries()) {
      const idle = Math.max(0, Math.floor((endMs - usedMs(truth.get(key) as TrueStream)) / 1000))
      const dump = dumps?.[place]?.[1] as Buffer
      const until = ['REPLACE', 'ABSTTL', 'IDLETIME', idle] as const
      pipeline.call('RESTORE', key, Math.round(expiresAt * 1000), dump, ...until)
      pipeline.object('IDLETIME', key)
    }
    const replies = (await pipeline.exec()) ?? []
    for (const [place, one] of portion.entries()) {
      const [error, seconds] = replies[2 * place + 1] ?? [new Error('no reply')]
      if (error) throw error
      result.push({ ...one, idleSeconds: Number(seconds) })
    }
  }
  return result
}
