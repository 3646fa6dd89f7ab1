import { createCipheriv, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Disclosure, ExpiryWindow, SecretName } from '../../src/disclosure/disclosure.ts'
import { INVENTORY } from '../../src/disclosure/inventory.ts'
import { bucketOf, bucketsOf, deriveQueue, type Queue } from '../../src/mailbox/sealing.ts'
import { TTL_CLASSES } from '../../src/protocol/retention.ts'
import { bucketKey } from '../../src/store/redis/keys.ts'
import { type Test, test } from '../_util/tap.ts'
import { createShell } from './cli-setup.ts'
import { digestsOf } from './disclose-guesses.ts'
import { environment, Owner, ownRedis, randomSecret, relayOn, SIZES } from './disclose-setup.ts'
import { type DumpedKey, dumpAll, dumpKey } from './redis-dump.ts'

const TEN_MINUTES = 600
const HOUR = 3600
const DAY = 86_400
const WEEK = 604_800
const OTHERS = 40
/** Longer than it takes to make a document and a dump, so that the last access shows which of them it was. */
const IDLE_MS = 4000

/** A Redis with one mailbox that has seen much, under two secrets, and with many others around it. */
async function loadedRedis(t: Test) {
  const redis = await ownRedis(t)
  const [before, now] = [randomSecret(), randomSecret()]
  const owner = new Owner()
  const others = Array.from({ length: OTHERS }, () => new Owner())
  const older = await relayOn(t, environment(redis.url, before))
  await owner.receive(older, 5, SIZES[0], DAY)
  await owner.receive(older, 2, SIZES[1], WEEK)
  for (const [i, other] of others.entries()) if (i % 2 === 0) await other.receive(older, 1 + (i % 3), SIZES[0], DAY)
  await owner.acknowledge(older, 0, [1, 4])
  await older.stop()

  const env = environment(redis.url, now, [before])
  const newer = await relayOn(t, env)
  await owner.receive(newer, 4, SIZES[0], DAY)
  await owner.receive(newer, 3, SIZES[1], WEEK)
  await owner.receive(newer, 2, SIZES[0], HOUR)
  await owner.receive(newer, 2, SIZES[1], TEN_MINUTES)
  for (const [i, other] of others.entries()) if (i % 3 === 0) await other.receive(newer, 1 + (i % 4), SIZES[1], WEEK)
  await owner.acknowledge(newer, 1, [0])
  await newer.stop()
  const secrets = { live: Buffer.from(now, 'base64url'), 'read-only 1': Buffer.from(before, 'base64url') }
  const client = new Redis(redis.port, '127.0.0.1')
  t.teardown(() => client.disconnect())
  return { redis, client, env, owner, others, secrets }
}

type Loaded = Awaited<ReturnType<typeof loadedRedis>>

interface PlacedWindow extends ExpiryWindow {
  readonly key: string
  readonly queue: Queue
  readonly envelopeBytes: number
  readonly tag: Uint8Array
}

/** Every window of the document, and the key it is about: made of what the document says, and the secret. */
function windowsOf(document: Disclosure, { owner, secrets }: Loaded): PlacedWindow[] {
  const groups = document.waiting?.groups ?? []
  return groups.flatMap(({ envelopeBytes, ttlClassSeconds, windows }) =>
    windows.map((window) => {
      const secret = secrets[window.storeSecret as Extract<SecretName, keyof typeof secrets>]
      const queue = deriveQueue(secret, owner.mailbox.address)
      const expiresAt = Date.parse(window.erasedAt) / 1000
      const classIndex = TTL_CLASSES.indexOf(ttlClassSeconds as (typeof TTL_CLASSES)[number])
      const bucket = bucketOf(queue, SIZES.indexOf(envelopeBytes as (typeof SIZES)[number]), classIndex, expiresAt)
      return { ...window, key: bucketKey(bucket), queue, envelopeBytes, tag: bucket.tag }
    }),
  )
}

async function disclose(t: Test, { env, owner }: Loaded, ...options: string[]): Promise<Disclosure> {
  const { lethe } = await createShell(t)
  const { code, stdout, stderr } = await lethe(['disclose', '--address', owner.mailbox.addressText, ...options], {
    env,
  })
  t.same([code, stderr], [0, ''])
  return JSON.parse(stdout)
}

/** Makes the key again in another database, out of the document and what is random, as the relay would have. */
async function rebuild(client: Redis, window: PlacedWindow, original: DumpedKey): Promise<DumpedKey> {
  const start = Number(original.entries[0]?.id.slice(2)) - ((window.places[0] as number) - 1)
  const given = window.waiting + window.acknowledged
  const scratch = client.duplicate({ db: 1 })
  try {
    for (let place = 1; place <= given; place++) {
      const at = window.places.indexOf(place)
      const value = at < 0 ? Buffer.alloc(window.envelopeBytes + 28) : (original.entries[at]?.value as Buffer)
      await scratch.xadd(window.key, `0-${start + place - 1}`, 'e', value)
    }
    await scratch.expireat(window.key, Date.parse(window.erasedAt) / 1000)
    for (let place = 1; place <= given; place++) {
      if (!window.places.includes(place)) await scratch.xdel(window.key, `0-${start + place - 1}`)
    }
    return await dumpKey(scratch, window.key)
  } finally {
    await scratch.flushdb()
    scratch.disconnect()
  }
}

test('the document of a mailbox holds all that the store holds about it', async (t) => {
  const loaded = await loadedRedis(t)
  const { client, owner, others, secrets } = loaded
  await sleep(IDLE_MS)
  const startedMs = performance.now()
  const document = await disclose(t, loaded, '--include-ciphertext')
  const keys = await dumpAll(client)
  const elapsedSeconds = (performance.now() - startedMs) / 1000
  const windows = windowsOf(document, loaded)

  await t.test('every key of the store is this mailbox’s and in the document, or another’s', async (t) => {
    const now = Number((await client.time())[0])
    const namesOf = ({ mailbox }: Owner) =>
      Object.values(secrets).flatMap((secret) => bucketsOf(deriveQueue(secret, mailbox.address), 8, now).map(bucketKey))
    const mine = namesOf(owner).filter((name) => keys.has(name))
    t.same(windows.map(({ key }) => key).sort(), mine.sort())
    t.ok(mine.length >= 6, 'several sizes, classes and secrets')
    const theirs = others.flatMap(namesOf).filter((name) => keys.has(name))
    t.equal(mine.length + theirs.length, keys.size, 'and nothing else is in the store')
    t.ok(theirs.length >= OTHERS / 2)
  })

  await t.test('the counts are what was sent and not acknowledged', async (t) => {
    t.equal(document.waiting?.envelopes, owner.waiting.length)
    for (const { envelopeBytes, ttlClassSeconds, envelopes } of document.waiting?.groups ?? []) {
      const sent = owner.waiting.filter(
        ({ envelope, ttlSeconds }) => envelope.length === envelopeBytes && ttlSeconds === ttlClassSeconds,
      )
      t.equal(envelopes, sent.length, `${envelopeBytes} bytes, ${ttlClassSeconds} seconds`)
    }
    t.equal(document.waiting?.groups.length, SIZES.length * TTL_CLASSES.length, 'the empty ones are there too')
    t.equal(
      windows.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
      owner.acknowledged,
    )
  })

  await t.test(
    'each byte that Redis gives about a bucket follows from the document and from what is random',
    async (t) => {
      for (const window of windows) {
        const original = keys.get(window.key) as DumpedKey
        const rebuilt = await rebuild(client, window, original)
        t.same(rebuilt.dump, original.dump, 'DUMP')
        t.same(
          { ...rebuilt, idleSeconds: 0, dump: '' },
          { ...original, idleSeconds: 0, dump: '' },
          'type, expiry, encoding, memory, XINFO STREAM FULL, entries',
        )
        t.ok(original.idleSeconds <= elapsedSeconds + 1, 'the last access was the reading for this document')
        t.ok(original.entries.every(({ fields }) => fields.join() === 'e'))
      }
    },
  )

  await t.test('each byte of an entry follows from the document, the keys and a random nonce', async (t) => {
    const given = document.ciphertext?.envelopes ?? []
    t.equal(given.length, owner.waiting.length)
    for (const { key, queue, tag, places, erasedAt, storeSecret, envelopeBytes } of windows) {
      const { entries } = keys.get(key) as DumpedKey
      for (const [i, { value }] of entries.entries()) {
        const one = given.find(
          (other) =>
            other.erasedAt === erasedAt &&
            other.storeSecret === storeSecret &&
            other.envelopeBytes === envelopeBytes &&
            other.place === places[i],
        )
        const envelope = Buffer.from(one?.ciphertext ?? '', 'base64')
        t.ok(
          owner.waiting.some((sent) => sent.envelope.equals(envelope)),
          'it is what was sent',
        )
        const cipher = createCipheriv('aes-256-gcm', queue.sealKey, value.subarray(0, 12)).setAAD(tag)
        const again = Buffer.concat([
          value.subarray(0, 12),
          cipher.update(envelope),
          cipher.final(),
          cipher.getAuthTag(),
        ])
        t.ok(again.equals(value))
      }
    }
    const values = [...keys.values()].flatMap(({ entries }) => entries.map(({ value }) => value))
    t.equal(new Set(values.map((value) => value.toString('hex', 0, 12))).size, values.length, 'no nonce comes twice')
  })

  await t.test('the inventory knows every field that Redis gives', async (t) => {
    const stored = new Set(document.stored.map(({ name }) => name))
    const [first] = keys.values()
    for (const field of Object.keys(first?.info ?? {})) t.ok(stored.has(field), field)
    for (const { name, given } of document.stored) t.ok(given?.length > 5, `${name} is explained`)
    t.ok(INVENTORY.length > stored.size)
  })
})

test('the same dump cannot be tied to the address without the storeSecret', async (t) => {
  const loaded = await loadedRedis(t)
  const { address, publicKey } = loaded.owner.mailbox
  const keys = await dumpAll(loaded.client)
  const tags = [...keys.keys()].map((name) => Buffer.from(name.slice(-22), 'base64url'))
  t.equal(new Set(tags.map(String)).size, tags.length, 'all tags are distinct')

  const bytes = Buffer.concat([...keys.values()].flatMap(({ name, dump }) => [Buffer.from(name), dump]))
  const forms = (secret: Uint8Array) => {
    const plain = Buffer.from(secret)
    return [
      plain,
      Buffer.from(plain).reverse(),
      plain.toString('hex'),
      plain.toString('base64url'),
      plain.toString('base64'),
    ]
  }
  const queues = Object.values(loaded.secrets).map((secret) => deriveQueue(secret, address))
  const derived = queues.flatMap(({ queueId, sealKey, idKey, wakeTag }) => [queueId, sealKey, idKey, wakeTag])
  for (const secret of [address, publicKey, ...derived, ...Object.values(loaded.secrets)]) {
    for (const form of forms(secret)) t.notOk(bytes.includes(form))
    t.notOk(bytes.includes(Buffer.from(secret).subarray(0, 8)), 'nor a part of it')
  }
  for (const { envelope } of loaded.owner.waiting)
    t.notOk(bytes.includes(envelope.subarray(100, 116)), 'nor ciphertext')

  const now = Number((await loaded.client.time())[0])
  const guesses = new Set<string>()
  for (const digest of digestsOf([address, publicKey], now)) {
    for (let at = 0; at + 16 <= digest.length; at++) guesses.add(digest.toString('latin1', at, at + 16))
  }
  t.ok(guesses.size > 100_000)
  t.same(
    tags.filter((tag) => guesses.has(tag.toString('latin1'))),
    [],
    'no tag is a hash of what is known',
  )
  const control = bucketsOf(queues[0] as Queue, SIZES.length, now).map(({ tag }) => Buffer.from(tag).toString('latin1'))
  t.ok(
    tags.some((tag) => control.includes(tag.toString('latin1'))),
    'while with the secret the same search finds them',
  )
})

test('a mailbox that holds nothing cannot be told from one that never was', async (t) => {
  const loaded = await loadedRedis(t)
  const stranger = { ...loaded, owner: new Owner() }
  const document = await disclose(t, stranger)
  t.equal(document.waiting?.envelopes, 0)
  t.same(windowsOf(document, stranger), [])
  const random = randomBytes(32).toString('base64url')
  const { lethe } = await createShell(t)
  const other = JSON.parse((await lethe(['disclose', `--address=${random}`], { env: loaded.env })).stdout)
  const alike = ({ asked: _, madeAt: __, waiting, ...rest }: Disclosure) => ({ ...rest, groups: waiting?.groups })
  t.same(alike(other), alike(document))
})
