import type { Redis } from 'ioredis'
import { createClient } from '../../src/store/redis/client.ts'
import { TOUCH_PERIOD_SECONDS, TouchSweep } from '../../src/store/redis/touch-sweep.ts'
import type { RedisServer } from '../../test/_util/redis.ts'
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

/** Lets a relay's own sweep look once, which touches every key where they have not been used for long. */
export async function sweepOnce({ port }: RedisServer): Promise<void> {
  const target = { kind: 'node', hosts: [{ host: '127.0.0.1', port }], tls: false, db: 0 } as const
  const client = createClient(target, undefined) as Redis
  try {
    await client.connect()
    await new Promise<void>((resolve, reject) => {
      let looks = 0
      const after = (_delayMs: number, action: () => void) => {
        // The first is due at once; that a second is asked for says that the first is over.
        if (looks++ === 0) action()
        else resolve()
        return () => {}
      }
      const clock = { nowMs: Date.now, every: () => () => {}, after }
      const onFault = () => reject(new Error('the sweep failed'))
      new TouchSweep({ client, target, ca: undefined, onFault, clock, periodSeconds: TOUCH_PERIOD_SECONDS }).start()
    })
  } finally {
    client.disconnect()
  }
}
