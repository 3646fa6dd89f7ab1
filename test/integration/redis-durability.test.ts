import { startFlakyProxy } from '../_util/flaky-proxy.ts'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, idsOf, numbersOf, range } from '../conformance/client.ts'
import { connectDeposit } from '../conformance/deposit-socket.ts'
import { acknowledge, deposit, fetchFrom } from '../conformance/http.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'
import { checkProblem, numberOf } from '../conformance/problems.ts'
import { createStoreSecret, type Env, relayFor } from '../conformance/stores.ts'
import { Traffic } from '../traffic/traffic.ts'

const PATIENCE = { timeoutMs: 20_000, intervalMs: 50 }
/** A relay waits a second for replicas; a busy machine may take longer to say so. */
const REFUSAL_MS = 6_000
/** Less than one batch after the other would take, a second each. */
const CROWD_MS = 12_000
const UNAVAILABLE = numberOf('ERR_STORE_UNAVAILABLE')

/** A master and a replica that follows it. */
async function startPair(t: Test): Promise<[RedisServer, RedisServer]> {
  const master = await startRedis()
  t.teardown(() => master.stop())
  const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${master.port}`] })
  t.teardown(() => replica.stop())
  await eventually(async () => (await replica.cli('INFO', 'replication')).includes('master_link_status:up'), PATIENCE)
  return [master, replica]
}

const envOf = ({ url }: RedisServer, secret: string): Env => ({
  LETHE_REDIS_URL: url,
  LETHE_STORE_SECRET: secret,
  LETHE_REDIS_MIN_REPLICAS: '1',
})

/** How many envelopes a server holds, over all keys. */
async function countOf(redis: RedisServer): Promise<number> {
  const keys = (await redis.cli('--scan')).split('\n').filter((key) => key !== '')
  const lengths = await Promise.all(keys.map((key) => redis.cli('XLEN', key)))
  return lengths.map(Number).reduce((sum, length) => sum + length, 0)
}

test('[protocol §8] LETHE_REDIS_MIN_REPLICAS=1: accepted is what the replica has', async (t) => {
  const [master, replica] = await startPair(t)
  const relay = await relayFor(t, envOf(master, createStoreSecret()))
  const mailbox = createMailbox()
  for (const n of range(0, 10)) {
    t.equal((await deposit(relay, mailbox.address, createEnvelope(4_000, n))).status, 202)
    t.equal(await countOf(replica), n + 1, 'the replica has it when the sender is told')
  }
  const { envelopes } = await fetchFrom(relay, mailbox, { slots: 4 })
  t.equal((await acknowledge(relay, mailbox, idsOf(envelopes))).status, 204)
  t.equal(await countOf(replica), 6, 'and has erased it when the recipient is told')
})

test('[protocol §8] LETHE_REDIS_MIN_REPLICAS=1: a replica that does not answer', async (t) => {
  const [master, replica] = await startPair(t)
  const relay = await relayFor(t, envOf(master, createStoreSecret()))
  const mailbox = createMailbox()
  t.equal((await deposit(relay, mailbox.address, createEnvelope(4_000, 0))).status, 202)
  const sender = await connectDeposit(relay)
  replica.pause()
  t.teardown(() => replica.resume())

  const sinceMs = performance.now()
  const answers = await Promise.all(range(1, 21).map((n) => deposit(relay, mailbox.address, createEnvelope(4_000, n))))
  const tookMs = performance.now() - sinceMs
  for (const answer of answers) checkProblem(t, answer, 'ERR_STORE_UNAVAILABLE')
  t.ok(tookMs < REFUSAL_MS, `twenty at once were refused within ${Math.round(tookMs)} ms`)
  sender.deposit({ ref: 5, ttl: 60, address: createMailbox().address, envelope: createEnvelope() })
  t.same(await sender.answer(), { type: 'ERROR', ref: 5, code: UNAVAILABLE })
  const { envelopes } = await fetchFrom(relay, mailbox)
  t.same(numbersOf(envelopes), [0], 'reading needs no replica')
  checkProblem(t, await acknowledge(relay, mailbox, idsOf(envelopes)), 'ERR_STORE_UNAVAILABLE', 'ack')

  replica.resume()
  await eventually(async () => (await deposit(relay, mailbox.address, createEnvelope())).status === 202, PATIENCE)
  sender.deposit({ ref: 6, ttl: 60, address: createMailbox().address, envelope: createEnvelope() })
  t.same(await sender.answer(), { type: 'ACCEPTED', ref: 6 })
  t.equal((await acknowledge(relay, mailbox, idsOf(envelopes))).status, 204)
  await sender.close()
})

test('[protocol §4] LETHE_REDIS_MIN_REPLICAS=1: nobody stands in line behind those who wait for a replica in vain', async (t) => {
  const [master, replica] = await startPair(t)
  const relay = await relayFor(t, envOf(master, createStoreSecret()))
  const senders = await Promise.all(range(0, 8).map(() => connectDeposit(relay)))
  replica.pause()
  t.teardown(() => replica.resume())
  const sinceMs = performance.now()
  const answers = await Promise.all(
    senders.map((sender) =>
      sender.depositAll(
        range(0, 240).map((ref) => ({ ref, ttl: 60, address: createMailbox().address, envelope: createEnvelope() })),
      ),
    ),
  )
  const tookMs = performance.now() - sinceMs
  t.ok(answers.flat().every((answer) => answer.type === 'ERROR' && answer.code === UNAVAILABLE))
  t.ok(tookMs < CROWD_MS, `${answers.flat().length} at once were refused within ${Math.round(tookMs)} ms`)
  for (const sender of senders) await sender.close()
})

test('[protocol §5] an ACK that no replica has confirmed is carried out when one does', async (t) => {
  const [master, replica] = await startPair(t)
  const relay = await relayFor(t, envOf(master, createStoreSecret()))
  const mailbox = createMailbox()
  for (const n of range(0, 3)) t.equal((await deposit(relay, mailbox.address, createEnvelope(4_000, n))).status, 202)
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  const received = await reader.untilDrained(1)
  replica.pause()
  t.teardown(() => replica.resume())
  reader.ack(1, idsOf(received))
  await eventually(async () => (await countOf(master)) === 0, PATIENCE)
  replica.resume()
  await eventually(async () => (await countOf(replica)) === 0, PATIENCE)
  t.same(await reader.restFrames(), [], 'and nothing comes twice')
  await reader.close()
})

test('[protocol §5] what came in a gap is not hidden by what is still being erased', async (t) => {
  const [master, replica] = await startPair(t)
  const secret = createStoreSecret()
  const proxy = await startFlakyProxy(master.port)
  t.teardown(() => proxy.stop())
  const cut = await relayFor(t, envOf({ ...master, url: `redis://127.0.0.1:${proxy.port}` }, secret))
  const whole = await relayFor(t, envOf(master, secret))
  const mailbox = createMailbox()
  for (const n of range(0, 10)) await deposit(whole, mailbox.address, createEnvelope(4_000, n))
  const reader = await connectMailbox(cut)
  await reader.open(1, mailbox)
  const received = await reader.untilDrained(1)
  replica.pause()
  t.teardown(() => replica.resume())
  reader.ack(1, idsOf(received))
  await eventually(async () => (await countOf(master)) === 0, PATIENCE)
  proxy.cutAfter(() => 0)
  proxy.cut()
  replica.resume()
  for (const n of range(10, 13)) {
    await eventually(async () => {
      return (await deposit(whole, mailbox.address, createEnvelope(4_000, n))).status === 202
    }, PATIENCE)
  }
  proxy.cutAfter(undefined)
  const numbers = numbersOf(await reader.untilDrained(1))
  t.same([...new Set(numbers)].toSorted(), [10, 11, 12], 'DRAINED comes after them')
  await reader.close()
})

test('[protocol §4] LETHE_REDIS_MIN_REPLICAS=1: the master is lost under traffic, the replica has all that was accepted', async (t) => {
  const [master, replica] = await startPair(t)
  const secret = createStoreSecret()
  const traffic = new Traffic(t, { online: 0, offline: 10, senders: 8, pauseMs: 0 })
  await traffic.fleet.start(0, envOf(master, secret))
  traffic.begin()
  await traffic.flows()
  await master.kill()
  await eventually(() => traffic.senders.every(({ refusals }) => refusals.length > 0), PATIENCE)
  await replica.cli('REPLICAOF', 'NO', 'ONE')
  await traffic.fleet.start(0, { LETHE_REDIS_URL: replica.url, LETHE_STORE_SECRET: secret })
  await traffic.end(t)
  await traffic.finish(t, async () => (await countOf(replica)) === 0)
})
