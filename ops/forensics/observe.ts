import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { type RedisServer, startRedis } from '../../test/_util/redis.ts'

/** All that Redis says of one stream, without the bytes in it. */
export interface Observed {
  readonly key: string
  /** Unix seconds; undefined for a key that stays. */
  readonly expiresAt: number | undefined
  /** Ids and lengths of what waits. */
  readonly entries: readonly { readonly id: string; readonly bytes: number }[]
  readonly added: number
  readonly lastId: string
  readonly maxDeletedId: string
  readonly treeKeys: number
  readonly treeNodes: number
  readonly memoryBytes: number
  /** Where it stands among the keys, in the order in which they lie there. */
  readonly place: number
  /** Seconds since anybody used it, by this server. */
  readonly idleSeconds: number
}

const BATCH_KEYS = 64

/** Asks a server for everything that it knows of its streams. */
export async function observe(redis: Redis): Promise<Observed[]> {
  const order = await redis.keys('*')
  const places = new Map(order.map((key, place) => [key, place]))
  const keys = order.sort()
  // First of all, since every other question counts as a use.
  const idle = await ask(redis, keys, (key) => ['OBJECT', 'IDLETIME', key])
  const expiries = await ask(redis, keys, (key) => ['PEXPIRETIME', key])
  const infos = await ask(redis, keys, (key) => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '1'])
  const memory = await ask(redis, keys, (key) => ['MEMORY', 'USAGE', key, 'SAMPLES', '0'])
  const entries = await ask(redis, keys, (key) => ['XRANGE', key, '-', '+'])
  return keys.map((key, i) => {
    const info = fieldsOf(infos[i] as unknown[])
    const expiryMs = Number(expiries[i])
    return {
      key,
      expiresAt: expiryMs > 0 ? expiryMs / 1000 : undefined,
      entries: (entries[i] as [Buffer, Buffer[]][]).map(([id, [, value]]) => ({
        id: id.toString(),
        bytes: value?.length ?? 0,
      })),
      added: Number(info.get('entries-added')),
      lastId: String(info.get('last-generated-id')),
      maxDeletedId: String(info.get('max-deleted-entry-id')),
      treeKeys: Number(info.get('radix-tree-keys')),
      treeNodes: Number(info.get('radix-tree-nodes')),
      memoryBytes: Number(memory[i]),
      place: places.get(key) as number,
      idleSeconds: Number(idle[i]),
    }
  })
}

async function ask(redis: Redis, keys: readonly string[], question: (key: string) => string[]): Promise<unknown[]> {
  const answers: unknown[] = []
  for (let i = 0; i < keys.length; i += BATCH_KEYS) {
    const pipeline = redis.pipeline()
    for (const key of keys.slice(i, i + BATCH_KEYS)) pipeline.callBuffer(...(question(key) as [string, ...string[]]))
    for (const [error, answer] of (await pipeline.exec()) ?? []) {
      if (error) throw error
      answers.push(answer)
    }
  }
  return answers
}

function fieldsOf(list: readonly unknown[]): Map<string, unknown> {
  return new Map(Array.from({ length: list.length / 2 }, (_, i) => [String(list[2 * i]), list[2 * i + 1]]))
}

/** A connection for as long as it is needed. */
export async function withConnection<T>(server: RedisServer, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server.port, '127.0.0.1')
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

/** Has a server write an RDB file, carries that off, and observes it on a server of the thief's own. */
export async function observeCopy(server: RedisServer): Promise<Observed[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lethe-stolen-'))
  try {
    const dir = (await server.cli('CONFIG', 'GET', 'dir')).split('\n')[1] as string
    await server.cli('SAVE')
    await copyFile(join(dir, 'dump.rdb'), join(folder, 'dump.rdb'))
    await rm(join(dir, 'dump.rdb'))
    const places = placesIn(await readFile(join(folder, 'dump.rdb')))
    const thief = await startRedis({ args: ['--dir', folder] })
    try {
      const observed = await withConnection(thief, observe)
      return observed.map((one) => ({ ...one, place: places.get(one.key) ?? Number.NaN }))
    } finally {
      await thief.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** In which order the keys of Lethe stand in an RDB file. */
function placesIn(file: Buffer): Map<string, number> {
  const [start, length] = ['lethe1:{', 'lethe1:{ppp}:'.length + 22]
  const places = new Map<string, number>()
  for (let at = file.indexOf(start); at >= 0; at = file.indexOf(start, at + length)) {
    places.set(file.toString('latin1', at, at + length), places.size)
  }
  return places
}

/** Takes every key with DUMP, and observes them on a server of the thief's own. */
export async function observeDumps(server: RedisServer): Promise<Observed[]> {
  const thief = await startRedis()
  try {
    return await withConnection(server, (from) =>
      withConnection(thief, async (to) => {
        for (const key of await from.keys('*')) {
          const [dump, expiresMs] = [await from.dumpBuffer(key), await from.pexpiretime(key)]
          await to.call('RESTORE', key, expiresMs, dump, 'ABSTTL')
        }
        return await observe(to)
      }),
    )
  } finally {
    await thief.stop()
  }
}
