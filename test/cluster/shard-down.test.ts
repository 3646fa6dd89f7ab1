import { type RedisCluster, startCluster } from '../_util/cluster.ts'
import type { RedisServer } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, idsOf, type Mailbox, numbersOf } from '../conformance/client.ts'
import { connectDeposit } from '../conformance/deposit-socket.ts'
import { acknowledge, deposit, fetchFrom, request } from '../conformance/http.ts'
import { connectMailbox, type MailboxSocket } from '../conformance/mailbox-socket.ts'
import { checkProblem, numberOf } from '../conformance/problems.ts'
import { createStoreSecret, type Relay, relayFor } from '../conformance/stores.ts'
import { keysOf } from './contents.ts'
import { ownerOf, slotOf } from './slots.ts'

const PATIENCE = { timeoutMs: 45_000, intervalMs: 100 }
/** As deploy/compose.cluster.yaml has it. */
const ARGS = ['--cluster-require-full-coverage', 'no']
const SHARE = 4

interface World {
  readonly cluster: RedisCluster
  readonly secret: string
  readonly relays: readonly [Relay, Relay]
}

/** Mailboxes whose slots a node serves. */
async function mailboxesAt({ cluster, secret }: World, node: RedisServer): Promise<Mailbox[]> {
  const mailboxes: Mailbox[] = []
  while (mailboxes.length < SHARE) {
    const mailbox = createMailbox()
    if ((await ownerOf(slotOf(mailbox, secret), cluster.nodes)) === node) mailboxes.push(mailbox)
  }
  return mailboxes
}

async function opened(relay: Relay, mailboxes: readonly Mailbox[]): Promise<MailboxSocket> {
  const socket = await connectMailbox(relay)
  for (const [channel, mailbox] of mailboxes.entries()) {
    await socket.open(channel, mailbox)
    await socket.untilDrained(channel)
  }
  return socket
}

/** Each is deposited to through the other relay, gets what was deposited, and acknowledges it. */
async function goesOn(
  t: Test,
  { relays }: World,
  socket: MailboxSocket,
  mailboxes: readonly Mailbox[],
  number: number,
) {
  for (const [channel, { address }] of mailboxes.entries()) {
    t.equal((await deposit(relays[1], address, createEnvelope(4_000, number))).status, 202)
    const received = await socket.envelopesAmidDrained(channel, 1)
    t.same(numbersOf(received), [number])
    socket.ack(channel, idsOf(received))
  }
}

async function isRefused(t: Test, { relays }: World, { address }: Mailbox): Promise<void> {
  for (const relay of relays) {
    checkProblem(t, await deposit(relay, address, createEnvelope()), 'ERR_STORE_UNAVAILABLE')
    const sender = await connectDeposit(relay)
    const answers = await sender.depositAll([{ ref: 7, ttl: 60, address, envelope: createEnvelope() }])
    t.match(answers, [{ type: 'ERROR', ref: 7, code: numberOf('ERR_STORE_UNAVAILABLE') }])
    await sender.close()
  }
}

async function cannotBeOpened(t: Test, { relays }: World, mailbox: Mailbox): Promise<void> {
  const socket = await connectMailbox(relays[0])
  socket.sendOpen(1, mailbox)
  t.match(await socket.frame(), { type: 'ERROR', channel: 1, code: numberOf('ERR_STORE_UNAVAILABLE') })
  await socket.close()
}

test('one part of a Cluster is down and has no replica: the others serve meanwhile', async (t) => {
  const cluster = await startCluster({ node: { args: ARGS } })
  t.teardown(() => cluster.stop())
  const secret = createStoreSecret()
  const env = { LETHE_REDIS_URL: cluster.url, LETHE_STORE_SECRET: secret }
  const relays = [await relayFor(t, env), await relayFor(t, env)] as const
  const world = { cluster, secret, relays }
  const [first, dead, last] = cluster.nodes as [RedisServer, RedisServer, RedisServer]
  const living = [...(await mailboxesAt(world, first)), ...(await mailboxesAt(world, last))]
  const [away, another] = (await mailboxesAt(world, dead)) as [Mailbox, Mailbox]
  const socket = await opened(relays[0], living)
  await goesOn(t, world, socket, living, 1)

  await dead.kill()
  await goesOn(t, world, socket, living, 2)
  await isRefused(t, world, away)
  await cannotBeOpened(t, world, another)
  await eventually(async () => (await first.cli('CLUSTER', 'NODES')).includes('fail '), PATIENCE)
  await goesOn(t, world, socket, living, 3)
  await isRefused(t, world, away)
  for (const relay of relays) t.equal((await request({ url: relay.adminUrl }, '/readyz')).status, 200, 'ready')
  const newer = await opened(relays[1], living)
  await newer.close()
  const [polled] = living as [Mailbox]
  t.equal((await deposit(relays[0], polled.address, createEnvelope(4_000, 4))).status, 202)
  const { envelopes } = await fetchFrom(relays[1], polled)
  t.same(numbersOf(envelopes), [4])
  t.equal((await acknowledge(relays[1], polled, idsOf(envelopes))).status, 204)
  await eventually(async () => (await Promise.all([first, last].map(keysOf))).flat().length === 0, PATIENCE)

  await dead.restart()
  await eventually(
    async () => (await deposit(relays[0], away.address, createEnvelope(4_000, 5))).status === 202,
    PATIENCE,
  )
  const reader = await eventually(() => opened(relays[1], [another]), PATIENCE)
  await goesOn(t, world, reader, [another], 6)
  const again = await eventually(() => connectMailbox(relays[0]), PATIENCE)
  await again.open(1, away)
  t.same(numbersOf(await again.takeAll(1)), [5])
  await Promise.all([reader.close(), again.close()])
})
