import { createHmac } from 'node:crypto'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, idsOf, type Mailbox, numbersOf } from '../conformance/client.ts'
import { deposit, fetchFrom } from '../conformance/http.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'
import { createStoreSecret, relayFor } from '../conformance/stores.ts'

const PARTITIONS = 4096
const PATIENCE = { timeoutMs: 20_000, intervalMs: 50 }

async function channelsOf(redis: RedisServer): Promise<string[]> {
  const lines = (await redis.cli('PUBSUB', 'SHARDCHANNELS')).split('\n')
  return lines.filter((line) => line !== '').sort()
}

/** The channel of an address's wake-ups, from the protocol's own words. */
function channelOf({ address }: Mailbox, secret: string, wakeBits: number): string {
  const k = createHmac('sha512', Buffer.from(secret, 'base64url'))
    .update('lethe/v1 queue\0')
    .update(address)
    .digest('hex')
  return `lethe1:{${k.slice(0, 3)}}:w${wakeBits > 12 ? `:${k.slice(3, wakeBits / 4)}` : ''}`
}

async function startPair(t: Test, wakeBits: number) {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const secret = createStoreSecret()
  const env = { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: secret, LETHE_WAKE_BITS: String(wakeBits) }
  return { redis, secret, here: await relayFor(t, env), there: await relayFor(t, env) }
}

test('[protocol §8] 12 wake bits: Redis sees every channel subscribed, whoever is online', async (t) => {
  const { redis, here } = await startPair(t, 12)
  const before = await channelsOf(redis)
  t.equal(before.length, PARTITIONS)
  t.ok(before.every((channel) => /^lethe1:\{[0-9a-f]{3}\}:w$/.test(channel)))
  const reader = await connectMailbox(here)
  await reader.open(1, createMailbox())
  await reader.untilDrained(1)
  t.same(await channelsOf(redis), before)
  await reader.close()
})

for (const wakeBits of [16, 20, 24]) {
  test(`[protocol §8] ${wakeBits} wake bits: only channels of open mailboxes are subscribed, and they carry everything`, async (t) => {
    const { redis, secret, here, there } = await startPair(t, wakeBits)
    t.same(await channelsOf(redis), [], 'nobody is online')
    const mailboxes = [createMailbox(), createMailbox(), createMailbox()] as const
    const reader = await connectMailbox(here)
    for (const [channel, mailbox] of mailboxes.entries()) {
      await reader.open(channel, mailbox)
      await reader.untilDrained(channel)
    }
    const expected = mailboxes.map((mailbox) => channelOf(mailbox, secret, wakeBits)).sort()
    t.same(await channelsOf(redis), [...new Set(expected)])

    const [mailbox] = mailboxes
    for (const [number, relay] of [here, there].entries()) {
      await deposit(relay, mailbox.address, createEnvelope(4_000, number))
      const received = await reader.envelopes(0, 1)
      t.same(numbersOf(received), [number], 'pushed, whichever relay took it')
      reader.ack(0, idsOf(received))
    }
    const polling = fetchFrom(there, mailboxes[1], { wait: 20, slots: 1 })
    await eventually(
      async () => (await redis.cli('PUBSUB', 'SHARDNUMSUB', channelOf(mailboxes[1], secret, wakeBits))).endsWith('2'),
      PATIENCE,
    )
    await deposit(here, mailboxes[1].address, createEnvelope(4_000, 7))
    t.same(numbersOf((await polling).envelopes), [7], 'a long poll on the other relay ends')

    const newer = await connectMailbox(there)
    await newer.open(5, mailbox)
    await newer.untilDrained(5)
    const frames = await reader.restFrames(1_000)
    t.ok(
      frames.some((frame) => frame.type === 'DISPLACED' && frame.channel === 0),
      'displaced across relays',
    )
    reader.closeChannel(1)
    reader.closeChannel(2)
    await eventually(async () => (await channelsOf(redis)).length === 1, PATIENCE)
    t.same(await channelsOf(redis), [channelOf(mailbox, secret, wakeBits)], 'one is open')

    await redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await eventually(async () => (await channelsOf(redis)).length === 1, PATIENCE)
    t.same(numbersOf(await newer.untilDrained(5)), [], 'looked once more, after the subscription was cut')
    t.equal((await deposit(here, mailbox.address, createEnvelope(4_000, 9))).status, 202)
    t.same(numbersOf(await newer.envelopes(5, 1)), [9], 'and woken on the new one')
    await newer.close()
    await eventually(async () => (await channelsOf(redis)).length === 0, PATIENCE)
    await reader.close()
  })
}
