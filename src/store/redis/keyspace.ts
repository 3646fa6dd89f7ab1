import type { Redis } from 'ioredis'
import type { KeyFacts, KeyspaceFacts } from '../../mailbox/store-facts.ts'
import { REDIS_NAMES } from './keys.ts'
import { unlessRefused } from './node-settings.ts'
import { SCRIPTS } from './scripts.ts'

/** Keys that one SCAN looks at. */
const SCAN_COUNT = 200
/** Entries that one script call looks at: with the largest envelopes Redis stands still for some milliseconds. */
const PAGE_ENTRIES = 64

const BUCKETS = REDIS_NAMES['lethe1:{ppp}:<bucketTag>'].pattern

/** As the script gives them. */
type Reply = [type: string, expiry: number, now: number, ...streamFacts: (string | number)[]]

/**
 * Looks at every key of a node, and counts those that break a rule. Nothing of what they hold leaves Redis.
 * @param info fields of the node's INFO
 * @param judge names the rules that a key breaks
 * @returns undefined where the user may not look
 */
export async function readKeyspace(
  client: Redis,
  db: number,
  info: ReadonlyMap<string, string>,
  judge: (key: KeyFacts) => readonly string[],
): Promise<KeyspaceFacts | undefined> {
  const broken = new Map<string, number>()
  let keys = 0
  let cursor = '0'
  do {
    const page = await unlessRefused(client.scanBuffer(cursor, 'COUNT', SCAN_COUNT))
    if (page === undefined) return undefined
    cursor = page[0].toString()
    for (const key of await Promise.all(page[1].map((name) => inspectKey(client, name)))) {
      if (key === 'refused') return undefined
      if (key === undefined) continue
      keys++
      for (const rule of judge(key)) broken.set(rule, (broken.get(rule) ?? 0) + 1)
    }
  } while (cursor !== '0')
  return { keys, elsewhere: countElsewhere(db, info), broken }
}

/** Undefined for a key that has gone meanwhile. Of one that is not the relay's only that it is there is looked at. */
async function inspectKey(client: Redis, name: Buffer): Promise<KeyFacts | 'refused' | undefined> {
  const none = { nowSeconds: 0, groups: 0, foreignIds: 0, foreignEntries: 0, lengths: new Map<number, number>() }
  if (!BUCKETS.test(name.toString('latin1'))) {
    return { isBucket: false, type: 'unknown', expiresAtMs: undefined, ...none }
  }
  const lengths = new Map<number, number>()
  let [foreignIds, foreignEntries] = [0, 0]
  let from = '-'
  for (;;) {
    const reply = await unlessRefused(runInspection(client, name, from))
    if (reply === undefined) return 'refused'
    const [type, expiry, nowSeconds, groups = 0, next = '', ids = 0, entries = 0, ...counts] = reply
    if (type === 'none') return undefined
    foreignIds += Number(ids)
    foreignEntries += Number(entries)
    for (let i = 0; i < counts.length; i += 2) {
      const length = Number(counts[i])
      lengths.set(length, (lengths.get(length) ?? 0) + Number(counts[i + 1]))
    }
    if (next === '') {
      const expiresAtMs = expiry < 0 ? undefined : expiry
      return {
        isBucket: true,
        type,
        expiresAtMs,
        nowSeconds,
        groups: Number(groups),
        foreignIds,
        foreignEntries,
        lengths,
      }
    }
    from = String(next)
  }
}

async function runInspection(client: Redis, name: Buffer, from: string): Promise<Reply> {
  const args = [1, name, from, PAGE_ENTRIES]
  try {
    return (await client.call('EVALSHA', SCRIPTS.inspect.sha, ...args)) as Reply
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return (await client.call('EVAL', SCRIPTS.inspect.lua, ...args)) as Reply
  }
}

function countElsewhere(db: number, info: ReadonlyMap<string, string>): number {
  return [...info]
    .filter(([name]) => /^db\d+$/.test(name) && name !== `db${db}`)
    .reduce((sum, [, value]) => sum + Number(/^keys=(\d+)/.exec(value)?.[1] ?? 0), 0)
}
