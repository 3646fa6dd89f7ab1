import { bucketOf, deriveQueue } from '../../src/mailbox/sealing.ts'
import { expiryOf, TTL_CLASSES } from '../../src/protocol/retention.ts'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelopes, createMailbox, type Mailbox, range } from '../conformance/client.ts'
import { depositAll } from '../conformance/deposit-socket.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'
import { type Relay, relayFor } from '../conformance/stores.ts'
import { rotationOf } from '../traffic/rotation.ts'

const SIZES = [4_000, 64_000] as const
const SEAL_BYTES = 28
const PER_BUCKET = 3
const PARTITIONS = 4_096
const MINUTE = 60

/** A bucket that may be there: which of the secrets, mailboxes, sizes and classes it belongs to, and its expiry. */
interface Expected {
  readonly name: string
  readonly mailbox: number
  readonly sizeBytes: number
  readonly expiresAt: number
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')
const serverSeconds = async (redis: RedisServer): Promise<number> => Number(lines(await redis.cli('TIME'))[0])
const keysOf = async (redis: RedisServer): Promise<string[]> => lines(await redis.cli('--scan'))

/** Lays envelopes of every size and class into each mailbox. */
async function load(relay: Relay, mailboxes: readonly Mailbox[]): Promise<void> {
  for (const { address } of mailboxes) {
    for (const sizeBytes of SIZES) {
      for (const ttl of TTL_CLASSES) await depositAll(relay, address, createEnvelopes(PER_BUCKET, sizeBytes), ttl)
    }
  }
}

/** Reads a mailbox to its end and acknowledges all of it. */
async function takeEverything(t: Test, relay: Relay, mailbox: Mailbox, count: number): Promise<void> {
  const socket = await connectMailbox(relay)
  await socket.open(1, mailbox)
  t.equal((await socket.takeAll(1)).length, count)
  t.same(await socket.restFrames(), [])
  await socket.close()
}

/** Every key that deposits between two moments can have made, in the form of section 8. */
function expectedKeys(
  secrets: readonly string[],
  mailboxes: readonly Mailbox[],
  [first, last]: readonly [number, number],
): Map<string, Expected> {
  const keys = new Map<string, Expected>()
  for (const [s, secret] of secrets.entries()) {
    for (const [m, { address }] of mailboxes.entries()) {
      const queue = deriveQueue(Buffer.from(secret, 'base64url'), address)
      const partition = queue.partition.toString(16).padStart(3, '0')
      for (const [sizeIndex, sizeBytes] of SIZES.entries()) {
        for (const classIndex of TTL_CLASSES.keys()) {
          for (const now of range(first, last + 1)) {
            const expiresAt = expiryOf(now, classIndex)
            const tag = Buffer.from(bucketOf(queue, sizeIndex, classIndex, expiresAt).tag).toString('base64url')
            keys.set(`lethe1:{${partition}}:${tag}`, {
              name: `${s} ${m} ${sizeIndex} ${classIndex}`,
              mailbox: m,
              sizeBytes,
              expiresAt,
            })
          }
        }
      }
    }
  }
  return keys
}

/** `XINFO STREAM` as a map; the first of every pair of lines is a name. */
async function streamInfo(redis: RedisServer, key: string): Promise<Map<string, string>> {
  const fields = (await redis.cli('XINFO', 'STREAM', key)).split('\n')
  const names = ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added', 'groups']
  return new Map(names.map((name) => [name, fields[fields.indexOf(name) + 1] ?? '']))
}

/** Looks at one key with everything that Redis can tell of it. @returns how many envelopes it holds */
async function checkKey(t: Test, redis: RedisServer, key: string, { sizeBytes, expiresAt }: Expected): Promise<number> {
  const info = await streamInfo(redis, key)
  const length = Number(info.get('length'))
  const ids = lines(await redis.cli('EVAL', IDS, '1', key))
  const facts = {
    type: await redis.cli('TYPE', key),
    expiry: Number(await redis.cli('EXPIRETIME', key)),
    groups: info.get('groups'),
    ids: ids.every((id) => /^0-\d+ e \d+$/.test(id)),
    consecutive: ids.every((id, i) => seqOf(id) === seqOf(ids[0] ?? '') + BigInt(i)),
    last: `${info.get('last-generated-id')} e` === ids.at(-1)?.replace(/ \d+$/, ''),
    sizes: [...new Set(ids.map((id) => Number(id.split(' ')[2])))],
    neverErased: [info.get('max-deleted-entry-id'), Number(info.get('entries-added'))],
  }
  const expected = {
    type: 'stream',
    expiry: expiresAt,
    groups: '0',
    ids: true,
    consecutive: true,
    last: true,
    sizes: [sizeBytes + SEAL_BYTES],
    neverErased: ['0-0', length],
  }
  t.same(facts, expected, key)
  return length
}

const seqOf = (id: string): bigint => BigInt(id.split(/[- ]/)[1] ?? -1)

/** Id, name of the only field and length of its value, of every entry. */
const IDS = `
local rows = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
  rows[#rows + 1] = entry[1] .. ' ' .. entry[2][1] .. ' ' .. (#entry[2] == 2 and #entry[2][2] or -1)
end
return rows`

async function checkServer(t: Test, redis: RedisServer, keys: number): Promise<void> {
  const keyspace = lines(await redis.cli('INFO', 'keyspace')).filter((line) => line.startsWith('db'))
  t.equal(keyspace.length, 1, 'one database')
  t.match(keyspace[0] ?? '', `db0:keys=${keys},expires=${keys},`, 'every key expires')
  t.same(lines(await redis.cli('PUBSUB', 'CHANNELS')), [], 'nobody listens to ordinary channels')
  t.equal(await redis.cli('PUBSUB', 'NUMPAT'), '0')
  t.same(lines(await redis.cli('FUNCTION', 'LIST')), [])
  const channels = range(0, PARTITIONS).map((partition) => `lethe1:{${partition.toString(16).padStart(3, '0')}}:w`)
  t.same(lines(await redis.cli('PUBSUB', 'SHARDCHANNELS')).toSorted(), channels, 'the channels of every partition')
}

test('[protocol §8] what a loaded Redis shows, and that nothing is left', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const [before, , switched] = rotationOf(redis.url)
  const mailboxes = range(0, 3).map(() => createMailbox())
  const unread = [createMailbox(), createMailbox()]
  const from = await serverSeconds(redis)
  await load(await relayFor(t, before), mailboxes)
  const relay = await relayFor(t, switched)
  await load(relay, mailboxes)
  for (const { address } of unread) await depositAll(relay, address, createEnvelopes(PER_BUCKET), MINUTE)
  const to = await serverSeconds(redis)

  const secrets = [before.LETHE_STORE_SECRET, switched.LETHE_STORE_SECRET] as string[]
  const expected = expectedKeys(secrets, [...mailboxes, ...unread], [from, to])
  const keys = await keysOf(redis)
  t.same(
    keys.filter((key) => !expected.has(key)),
    [],
    'no key but those of section 8',
  )
  const counts = new Map<string, number>()
  for (const key of keys) {
    const bucket = expected.get(key)
    if (bucket) counts.set(bucket.name, (counts.get(bucket.name) ?? 0) + (await checkKey(t, redis, key, bucket)))
  }
  const isUnread = (bucket?: Expected) => bucket !== undefined && bucket.mailbox >= mailboxes.length
  const buckets = secrets.length * mailboxes.length * SIZES.length * TTL_CLASSES.length + unread.length
  t.equal(counts.size, buckets, 'every secret, mailbox, size and class has its bucket')
  t.ok(
    [...counts.values()].every((count) => count === PER_BUCKET),
    'with all that was deposited',
  )
  await checkServer(t, redis, keys.length)

  for (const mailbox of mailboxes)
    await takeEverything(t, relay, mailbox, 2 * SIZES.length * TTL_CLASSES.length * PER_BUCKET)
  await eventually(async () => (await keysOf(redis)).every((key) => isUnread(expected.get(key))))
  t.ok((await keysOf(redis)).length >= unread.length, 'what was acknowledged has left nothing, what was not is there')
  await eventually(async () => (await redis.cli('DBSIZE')) === '0', { timeoutMs: 75_000, intervalMs: 250 })
  t.ok(
    (await serverSeconds(redis)) > from + (MINUTE * 5) / 6,
    'what nobody reads is gone by itself, not before its time',
  )
  t.match(lines(await redis.cli('INFO', 'keyspace')), ['# Keyspace'], 'nothing is left')
})
