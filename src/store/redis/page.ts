import { type Cluster, Redis } from 'ioredis'
import {
  type Bucket,
  type Cursor,
  type Page,
  type StoredEnvelope,
  StoreUnavailableError,
} from '../../mailbox/mailbox-store.ts'
import { bucketKey } from './keys.ts'

const NO_SUCH_KEY = 'ERR no such key'
const LAST_ID = Buffer.from('last-generated-id')
const ADDED = Buffer.from('entries-added')
/** A bucket that becomes another one this often while it is read is not one to wait for. */
const MAX_READS = 8

type RangeReply = readonly (readonly [id: Buffer, fields: readonly Buffer[]])[]

/** What there is of a bucket beside its envelopes. */
interface Facts {
  /** Number of the first envelope ever added: numbers count up by one, so it follows from the last and how many there were. */
  readonly base: number
  readonly last: number
}

/**
 * Reads a bucket after a cursor, or from the start where the bucket is another one than the cursor was set in.
 *
 * By commands and not by a script, since Lua hashes every byte of every envelope that passes through it, which takes longer
 * than all the rest. What a bucket is comes after what is in it, so that one that became another in between shows.
 */
export async function readPage(
  client: Redis | Cluster,
  bucket: Bucket,
  after: Cursor | undefined,
  limit: number,
): Promise<Page> {
  const key = bucketKey(bucket)
  let cursor = after
  for (let reads = 0; reads < MAX_READS; reads++) {
    const [range, info] = await ask(client, key, cursor ? `(0-${cursor.last}` : '-', limit)
    if (info === undefined) return { base: 0, last: 0, entries: [], more: false }
    const { base, last } = factsOf(info)
    if (cursor && cursor.base !== base) {
      cursor = undefined
      continue
    }
    const entries = range.map(entryOf)
    if (entries.some(({ seq }) => seq < base || seq > last)) continue
    const lastRead = entries.at(-1)?.seq
    return { base, last, entries, more: entries.length === limit && lastRead !== undefined && lastRead < last }
  }
  throw new StoreUnavailableError()
}

async function ask(client: Redis | Cluster, key: string, from: string, limit: number) {
  const stream = client instanceof Redis ? client.stream : undefined
  stream?.cork()
  const replies = [
    client.callBuffer('XRANGE', key, from, '+', 'COUNT', limit),
    client.callBuffer('XINFO', 'STREAM', key).catch((error: Error) => {
      if (error.message !== NO_SUCH_KEY) throw error
    }),
  ]
  stream?.uncork()
  const [range, info] = await Promise.all(replies)
  return [range as RangeReply, info as readonly unknown[] | undefined] as const
}

function factsOf(info: readonly unknown[]): Facts {
  let last = 0
  let added = 0
  for (let i = 0; i < info.length; i += 2) {
    const name = info[i] as Buffer
    if (name.equals(LAST_ID)) last = numberOf(info[i + 1] as Buffer)
    else if (name.equals(ADDED)) added = info[i + 1] as number
  }
  return { base: last - added + 1, last }
}

function entryOf([id, fields]: RangeReply[number]): StoredEnvelope {
  return { seq: numberOf(id), sealed: fields[1] as Buffer }
}

/** Of an id `0-number`. */
function numberOf(id: Buffer): number {
  return Number(id.toString('latin1', 2))
}
