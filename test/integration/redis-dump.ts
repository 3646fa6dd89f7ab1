import type { Redis } from 'ioredis'

/** Everything that Redis says of one key, with the raw bytes of what it holds. */
export interface DumpedKey {
  readonly name: string
  readonly idleSeconds: number
  readonly type: string
  readonly expiresAtMs: number
  readonly encoding: string
  readonly references: number
  readonly memoryBytes: number
  /** XINFO STREAM … FULL, but for the entries. */
  readonly info: Readonly<Record<string, unknown>>
  readonly entries: readonly { readonly id: string; readonly fields: readonly string[]; readonly value: Buffer }[]
  readonly dump: Buffer
}

/** Dumps every key of a database, asking for the time of its last access first, before anything else changes it. */
export async function dumpAll(redis: Redis): Promise<Map<string, DumpedKey>> {
  const names: string[] = []
  for await (const page of redis.scanStream({ count: 1000 })) names.push(...(page as string[]))
  const idle = new Map<string, number>()
  for (const name of names) idle.set(name, Number(await redis.object('IDLETIME', name)))
  const dumped = new Map<string, DumpedKey>()
  for (const name of new Set(names)) dumped.set(name, await dumpKey(redis, name, idle.get(name) as number))
  return dumped
}

export async function dumpKey(redis: Redis, name: string, idleSeconds = 0): Promise<DumpedKey> {
  const type = await redis.type(name)
  const expiresAtMs = Number(await redis.call('PEXPIRETIME', name))
  const encoding = String(await redis.object('ENCODING', name))
  const references = Number(await redis.object('REFCOUNT', name))
  const memoryBytes = Number(await redis.call('MEMORY', 'USAGE', name, 'SAMPLES', '0'))
  const dump = (await redis.dumpBuffer(name)) as Buffer
  const { entries: _, ...info } = toObject(await redis.call('XINFO', 'STREAM', name, 'FULL', 'COUNT', '0'))
  const rows = (await redis.callBuffer('XRANGE', name, '-', '+')) as [Buffer, Buffer[]][]
  const entries = rows.map(([id, fields]) => ({
    id: id.toString(),
    fields: fields.filter((_, i) => i % 2 === 0).map(String),
    value: fields[1] as Buffer,
  }))
  return { name, idleSeconds, type, expiresAtMs, encoding, references, memoryBytes, info, entries, dump }
}

/** RESP3 gives an object, RESP2 names and values in turn. */
function toObject(reply: unknown): Record<string, unknown> {
  if (reply instanceof Map) return Object.fromEntries(reply)
  if (!Array.isArray(reply)) return reply as Record<string, unknown>
  return Object.fromEntries(reply.flatMap((name, i) => (i % 2 === 0 ? [[String(name), reply[i + 1]]] : [])))
}
