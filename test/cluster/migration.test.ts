import { type RedisCluster, startCluster } from '../_util/cluster.ts'
import type { RedisServer } from '../_util/redis.ts'
import { redisCli } from '../_util/redis-cli.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, idsOf, type Mailbox, numbersOf, range } from '../conformance/client.ts'
import { acknowledge, deposit, fetchFrom } from '../conformance/http.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'
import { createStoreSecret, type Env, type Relay, relayFor } from '../conformance/stores.ts'
import { Traffic } from '../traffic/traffic.ts'
import { allKeys } from './contents.ts'
import { ownerOf, SlotMigration, slotOf } from './slots.ts'

const HOUR = 3_600
const WEEK = 604_800
/** Sessions look by themselves every 30 s. [protocol §8] */
const A_LOOK = { timeoutMs: 45_000 }
/** Longer than a relay waits for Redis, shorter than a client waits for a relay. */
const ANSWER_MS = 12_000

interface World {
  readonly cluster: RedisCluster
  readonly secret: string
  readonly env: Env
}

async function accepts(relay: Relay, { address }: Mailbox, number: number, ttl?: number): Promise<boolean> {
  return (await deposit(relay, address, createEnvelope(4_000, number), ttl)).status === 202
}

/** A mailbox and the way of its slot from the node that serves it to another one, which knows no script. */
async function migrationOf({ cluster, secret }: World): Promise<[Mailbox, SlotMigration]> {
  const mailbox = createMailbox()
  const slot = slotOf(mailbox, secret)
  const from = await ownerOf(slot, cluster.nodes)
  const to = cluster.nodes.find((node) => node !== from) as RedisServer
  await to.cli('SCRIPT', 'FLUSH')
  return [mailbox, new SlotMigration(slot, from, to)]
}

/** Deposits and acknowledgements for buckets on both sides of a slot that is on its way. */
async function stepByStep(t: Test, world: World): Promise<void> {
  const [first, second] = [await relayFor(t, world.env), await relayFor(t, world.env)]
  const [mailbox, migration] = await migrationOf(world)
  for (const n of [0, 1, 2]) t.ok(await accepts(first, mailbox, n), 'before')
  await migration.begin()
  for (const n of [3, 4]) t.ok(await accepts(first, mailbox, n), 'the bucket is at the source')
  for (const n of [5, 6]) t.ok(await accepts(second, mailbox, n, HOUR), 'the bucket is at the target')
  await t.rejects(
    fetchFrom(first, mailbox),
    /answered 503/,
    'nobody can look at both sides at once, so no half is shown',
  )
  await migration.moveKeys()
  t.same(await migration.left(), [])
  for (const n of [7, 8]) t.ok(await accepts(first, mailbox, n), 'the bucket has moved')
  t.ok(await accepts(second, mailbox, 9, WEEK), 'a new bucket')
  await migration.end()
  const all = await eventually(async () => {
    const answer = await fetchFrom(second, mailbox, { slots: 16 }).catch(() => undefined)
    return answer?.envelopes
  })
  t.same(numbersOf(all).toSorted(), range(0, 10))
  t.equal((await acknowledge(first, mailbox, idsOf(all))).status, 204)
  t.same(await allKeys(world.cluster), [])
}

/** A session that was open all the time. */
async function whileOpen(t: Test, world: World): Promise<void> {
  const [first, second] = [await relayFor(t, world.env), await relayFor(t, world.env)]
  const [mailbox, migration] = await migrationOf(world)
  const reader = await connectMailbox(first)
  await reader.open(1, mailbox)
  await reader.untilDrained(1)
  const seen = new Set<number>()
  const take = async () => {
    for (const frame of await reader.restFrames(100)) {
      if (frame.type !== 'ENVELOPE') continue
      seen.add(frame.envelope.readUInt32BE())
      reader.ack(1, [frame.id])
    }
    return seen
  }
  t.ok(await accepts(second, mailbox, 0))
  await migration.begin()
  t.ok(await accepts(second, mailbox, 1))
  t.ok(await accepts(second, mailbox, 2, HOUR))
  await migration.moveKeys()
  t.ok(await accepts(second, mailbox, 3, HOUR))
  await migration.end()
  t.ok(await accepts(second, mailbox, 4))
  await eventually(async () => (await take()).size === 5, A_LOOK)
  t.ok(await accepts(second, mailbox, 5))
  await eventually(async () => (await take()).size === 6)
  const newer = await connectMailbox(second)
  await newer.open(1, mailbox)
  const frames = await reader.restFrames(1_000)
  t.ok(
    frames.some(({ type }) => type === 'DISPLACED'),
    'claims are heard at the new place',
  )
  await newer.untilDrained(1)
  await eventually(async () => (await allKeys(world.cluster)).length === 0, A_LOOK)
  await Promise.all([reader.close(), newer.close()])
}

/** Moves slots from the first node to the second. */
async function reshard({ nodes }: RedisCluster): Promise<void> {
  const [from, to] = nodes as [RedisServer, RedisServer]
  await redisCli(from.port, [
    ...['--cluster', 'reshard', `127.0.0.1:${from.port}`, '--cluster-yes', '--cluster-slots', '1500'],
    ...['--cluster-from', await from.cli('CLUSTER', 'MYID'), '--cluster-to', await to.cli('CLUSTER', 'MYID')],
  ])
}

async function underTraffic(t: Test, { cluster, env }: World): Promise<void> {
  const traffic = new Traffic(t, { online: 12, offline: 6 })
  for (const instance of [0, 1]) await traffic.fleet.start(instance, env)
  traffic.begin()
  await traffic.flows()
  await reshard(cluster)
  await traffic.flows()
  await traffic.end(t)
  t.same(traffic.closes, [], 'no socket was closed')
  t.ok(traffic.slowestMs < ANSWER_MS, `all were answered, the slowest after ${traffic.slowestMs} ms`)
  await traffic.finish(t, async () => (await allKeys(cluster)).length === 0)
}

test('slots that change their node', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.stop())
  const secret = createStoreSecret()
  const env = { LETHE_REDIS_URL: cluster.url, LETHE_STORE_SECRET: secret }
  const world = { cluster, secret, env }
  await t.test('step by step', (t) => stepByStep(t, world))
  await t.test('with a session open', (t) => whileOpen(t, world))
  await t.test('a quarter of a node, under traffic', (t) => underTraffic(t, world))
})
