import { randomBytes } from 'node:crypto'
import { deriveQueue } from '../../src/mailbox/sealing.ts'
import { type RedisCluster, startCluster } from '../_util/cluster.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, idsOf, type Mailbox, numbersOf, range } from '../conformance/client.ts'
import { connectDeposit, depositAll } from '../conformance/deposit-socket.ts'
import type { MailboxFrame } from '../conformance/frames.ts'
import { acknowledge, deposit, fetchFrom } from '../conformance/http.ts'
import { connectMailbox, type MailboxSocket } from '../conformance/mailbox-socket.ts'
import { createStoreSecret, type Relay, relayFor } from '../conformance/stores.ts'
import { allChannels, allKeys, keysOf } from './contents.ts'

const BUCKET_KEY = /^lethe1:\{([0-9a-f]{3})\}:[A-Za-z0-9_-]{22}$/
const PARTITIONS = 4_096
const OFFLINE = 120
const ONLINE = 60
const PER_SOCKET = 30
const PORTION = 128
/** Sessions look by themselves every 30 s. [protocol §8] */
const A_LOOK = { timeoutMs: 45_000 }

interface World {
  readonly cluster: RedisCluster
  readonly first: Relay
  readonly second: Relay
}

const makeMailboxes = (count: number): Mailbox[] => range(0, count).map(() => createMailbox())

/** Opens mailboxes on one socket, channel by channel, and takes each up to its DRAINED, which nothing comes before. */
async function openEmpty(relay: Relay, mailboxes: readonly Mailbox[]): Promise<MailboxSocket> {
  const socket = await connectMailbox(relay)
  for (const [channel, mailbox] of mailboxes.entries()) {
    await socket.open(channel, mailbox)
    const waiting = await socket.untilDrained(channel)
    if (waiting.length > 0) throw new Error(`${waiting.length} waited where nothing should`)
  }
  return socket
}

/** Deposited while nobody reads, taken on the other instance: in order, and gone from every node once acknowledged. */
async function offline(t: Test, { cluster, first, second }: World): Promise<void> {
  const before = new Set(await allKeys(cluster))
  const mailboxes = makeMailboxes(OFFLINE)
  for (const [i, { address }] of mailboxes.entries()) {
    const relay = i % 2 === 0 ? first : second
    if (i % 4 === 0) for (const n of [0, 1]) await deposit(relay, address, createEnvelope(4_000, n))
    else await depositAll(relay, address, [createEnvelope(4_000, 0), createEnvelope(4_000, 1)])
    await deposit(relay, address, createEnvelope(64_000, 2), 3_600)
  }
  for (const start of range(0, OFFLINE / PER_SOCKET).map((n) => n * PER_SOCKET)) {
    const socket = await connectMailbox(second)
    for (const [channel, mailbox] of mailboxes.slice(start, start + PER_SOCKET).entries()) {
      await socket.open(channel, mailbox)
      const numbers = numbersOf(await socket.takeAll(channel))
      t.same(
        [numbers.filter((n) => n < 2), numbers.toSorted()],
        [
          [0, 1],
          [0, 1, 2],
        ],
        `mailbox ${start + channel}`,
      )
    }
    await eventually(async () => (await socket.restFrames(50)).length === 0)
    await socket.close()
  }
  const left = async () => (await allKeys(cluster)).filter((key) => !before.has(key))
  await eventually(async () => (await left()).length === 0).catch(() => {})
  t.same(await left(), [], 'no key of theirs is left on any node')
}

async function live(t: Test, { first, second }: World): Promise<void> {
  const mailboxes = makeMailboxes(ONLINE)
  const socket = await openEmpty(first, mailboxes)
  for (const [channel, mailbox] of mailboxes.entries()) {
    const relay = channel % 2 === 0 ? second : first
    t.equal((await deposit(relay, mailbox.address, createEnvelope(4_000, channel))).status, 202)
    const received = await socket.envelopes(channel, 1)
    t.same(numbersOf(received), [channel])
    socket.ack(channel, idsOf(received))
  }
  t.same(await socket.restFrames(), [], 'and no DRAINED after a live push')
  await socket.close()
}

const channelOf = (frame: MailboxFrame): number => ('channel' in frame ? frame.channel : -1)

async function displacement(t: Test, { first, second }: World): Promise<void> {
  const mailboxes = makeMailboxes(ONLINE)
  const older = await openEmpty(first, mailboxes)
  const newer = await openEmpty(second, mailboxes)
  const frames = await older.restFrames(1_000)
  t.same(
    frames.sort((a, b) => channelOf(a) - channelOf(b)),
    mailboxes.map((_, channel) => ({ type: 'DISPLACED', channel })),
  )
  const last = mailboxes.at(-1) as Mailbox
  await deposit(first, last.address, createEnvelope(4_000, 9))
  t.same(numbersOf(await newer.envelopes(mailboxes.length - 1, 1)), [9])
  await Promise.all([older.close(), newer.close()])
  const { envelopes } = await fetchFrom(first, last)
  t.same(numbersOf(envelopes), [9])
  t.equal((await acknowledge(second, last, idsOf(envelopes))).status, 204)
}

async function signed(t: Test, { first, second }: World): Promise<void> {
  const mailboxes = makeMailboxes(6)
  const polls = mailboxes.map((mailbox) => fetchFrom(first, mailbox, { wait: 30 }))
  for (const [n, { address }] of mailboxes.entries()) await deposit(second, address, createEnvelope(4_000, n))
  for (const [n, mailbox] of mailboxes.entries()) {
    const { envelopes } = (await polls[n]) as Awaited<(typeof polls)[0]>
    t.same(numbersOf(envelopes), [n], 'a long poll ends at a deposit on the other instance')
    t.equal((await acknowledge(second, mailbox, idsOf(envelopes))).status, 204)
    t.same((await fetchFrom(first, mailbox)).envelopes, [])
  }
}

/** Every node ends its subscriptions: they are made again, and what was missed meanwhile is found. */
async function lostSubscriptions(t: Test, { cluster, first, second }: World): Promise<void> {
  const mailboxes = makeMailboxes(12)
  const older = await openEmpty(first, mailboxes)
  for (const node of cluster.nodes) await node.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  for (const { address } of mailboxes) {
    t.equal((await deposit(second, address, createEnvelope(4_000, 1))).status, 202)
  }
  const received = new Map<number, string>()
  await eventually(async () => {
    for (const frame of await older.restFrames(100)) {
      if (frame.type === 'ENVELOPE') received.set(frame.channel, frame.id)
    }
    return received.size === mailboxes.length
  }, A_LOOK)
  for (const [channel, id] of received) older.ack(channel, [id])
  await eventually(async () => (await allKeys(cluster)).length === 0, A_LOOK)
  const newer = await eventually(() => openEmpty(second, mailboxes), A_LOOK)
  const displaced = new Set<number>()
  await eventually(async () => {
    for (const frame of await older.restFrames(100)) if (frame.type === 'DISPLACED') displaced.add(frame.channel)
    return displaced.size === mailboxes.length
  }, A_LOOK)
  t.ok(older.isOpen && newer.isOpen)
  await Promise.all([older.close(), newer.close()])
}

/** An address in every partition there is. */
function addressesEverywhere(secret: string): Buffer[] {
  const addresses = new Map<number, Buffer>()
  const key = Buffer.from(secret, 'base64url')
  while (addresses.size < PARTITIONS) {
    const address = randomBytes(32)
    addresses.set(deriveQueue(key, address).partition, address)
  }
  return [...addresses.values()]
}

async function everywhere(t: Test, { cluster, first, second }: World, secret: string): Promise<void> {
  const addresses = addressesEverywhere(secret)
  for (const [n, relay] of [first, second].entries()) {
    const socket = await connectDeposit(relay)
    const mine = addresses.filter((_, i) => i % 2 === n)
    // In portions: what a busy machine has not sent for two seconds is refused.
    for (const start of range(0, Math.ceil(mine.length / PORTION)).map((n) => n * PORTION)) {
      const deposits = mine.slice(start, start + PORTION)
      const answers = await socket.depositAll(
        deposits.map((address, ref) => ({ ref, ttl: 60, address, envelope: createEnvelope() })),
      )
      t.same(
        answers.filter(({ type }) => type !== 'ACCEPTED'),
        [],
      )
    }
    await socket.close()
  }
  const shares = await Promise.all(cluster.nodes.map(keysOf))
  t.ok(
    shares.every((keys) => keys.length > PARTITIONS / 6),
    'every node has its share',
  )
  const partitions = new Set(shares.flat().map((key) => BUCKET_KEY.exec(key)?.[1]))
  t.equal(shares.flat().length, PARTITIONS)
  t.equal(partitions.size, PARTITIONS, 'one bucket in every partition, and no other key')
  t.notOk(partitions.has(undefined))
}

test('the relay on a cluster of three nodes', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.stop())
  for (const wakeBits of [24, 16, 12]) {
    await t.test(`LETHE_WAKE_BITS=${wakeBits}`, async (t) => {
      const secret = createStoreSecret()
      const env = {
        LETHE_REDIS_URL: cluster.url,
        LETHE_STORE_SECRET: secret,
        LETHE_WAKE_BITS: String(wakeBits),
      }
      const world = { cluster, first: await relayFor(t, env), second: await relayFor(t, env) }
      await t.test('[protocol §5] offline recipients', (t) => offline(t, world))
      await t.test('[protocol §5] online recipients', (t) => live(t, world))
      await t.test('[protocol §5] displacement', (t) => displacement(t, world))
      await t.test('[protocol §5] signed requests', (t) => signed(t, world))
      await t.test('[protocol §8] lost subscriptions', (t) => lostSubscriptions(t, world))
      await eventually(async () => (await allChannels(cluster)).length === (wakeBits === 12 ? PARTITIONS : 0))
      t.same(await allKeys(cluster), [], 'nothing is left on any node')
      if (wakeBits === 12) await t.test('[protocol §8] every partition', (t) => everywhere(t, world, secret))
    })
  }
})
