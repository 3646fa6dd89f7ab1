import { findFreePort } from '../_util/ports.ts'
import { startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { ackBody, createEnvelope, createMailbox, fetchBody, numbersOf, range } from './client.ts'
import { connectDeposit } from './deposit-socket.ts'
import { deposit, fetchFrom, post, request } from './http.ts'
import { connectMailbox, peek } from './mailbox-socket.ts'
import { CLOSE, checkProblem, numberOf } from './problems.ts'
import { createStoreSecret, type Relay, relayFor } from './stores.ts'

const UNAVAILABLE = numberOf('ERR_STORE_UNAVAILABLE')
const RECOVERY = { timeoutMs: 30_000, intervalMs: 100 }

async function isReady(relay: Relay): Promise<boolean> {
  return (await request({ url: relay.adminUrl }, '/readyz')).status === 200
}

async function takesDeposits(relay: Relay): Promise<boolean> {
  return (await deposit(relay, createMailbox().address, createEnvelope())).status === 202
}

/** Everything that needs the store, while there is none. */
async function checkUnavailable(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  const { origin } = relay
  checkProblem(t, await deposit(relay, mailbox.address, createEnvelope()), 'ERR_STORE_UNAVAILABLE', 'deposit')
  checkProblem(t, await post(relay, '/v1/mailbox/fetch', fetchBody(mailbox, origin)), 'ERR_STORE_UNAVAILABLE', 'fetch')
  const ack = ackBody(mailbox, origin, ['00'.repeat(16)])
  checkProblem(t, await post(relay, '/v1/mailbox/ack', ack), 'ERR_STORE_UNAVAILABLE', 'ack')
  const sender = await connectDeposit(relay)
  sender.deposit({ ref: 7, ttl: 60, address: mailbox.address, envelope: createEnvelope() })
  t.same(await sender.answer(), { type: 'ERROR', ref: 7, code: UNAVAILABLE })
  const reader = await connectMailbox(relay)
  reader.sendOpen(1, mailbox)
  t.same(await reader.frame(), { type: 'ERROR', channel: 1, code: UNAVAILABLE })
  t.ok(reader.isOpen, 'the socket stays')
  t.equal(await isReady(relay), false, '/readyz says so')
  t.equal((await request(relay, '/v1/info')).status, 200, 'what needs no store is answered')
  await Promise.all([sender.close(), reader.close()])
}

test('[protocol §6] no Redis at the start, then there is one', async (t) => {
  const port = await findFreePort()
  const env = { LETHE_REDIS_URL: `redis://127.0.0.1:${port}`, LETHE_STORE_SECRET: createStoreSecret() }
  const relay = await relayFor(t, env)
  await checkUnavailable(t, relay)
  const redis = await startRedis({ port })
  t.teardown(() => redis.stop())
  await eventually(() => isReady(relay), RECOVERY)
  await eventually(() => takesDeposits(relay), RECOVERY)
  const mailbox = createMailbox()
  await deposit(relay, mailbox.address, createEnvelope(4_000, 3))
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  t.same(numbersOf(await reader.untilDrained(1)), [3])
  await deposit(relay, mailbox.address, createEnvelope(4_000, 4))
  t.same(numbersOf(await reader.envelopes(1, 1)), [4], 'live too')
  await reader.close()
})

test('[protocol §6] a Redis that is killed and comes back empty', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const relay = await relayFor(t, { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() })
  const reader = await connectMailbox(relay)
  await reader.open(1, createMailbox())
  await reader.untilDrained(1)
  const sender = await connectDeposit(relay)
  await redis.kill()
  await eventually(async () => !(await isReady(relay)), RECOVERY)
  await checkUnavailable(t, relay)
  await redis.restart()
  t.equal(await reader.closeCode(30_000), CLOSE.storeLost, 'an open channel has lost its store')
  await eventually(() => isReady(relay), RECOVERY)
  await eventually(() => takesDeposits(relay), RECOVERY)
  const mailbox = createMailbox()
  sender.deposit({ ref: 5, ttl: 60, address: mailbox.address, envelope: createEnvelope(4_000, 5) })
  t.same(await sender.answer(), { type: 'ACCEPTED', ref: 5 }, 'a deposit socket goes on')
  const again = await connectMailbox(relay)
  await again.open(1, mailbox)
  t.same(numbersOf(await again.untilDrained(1)), [5])
  await deposit(relay, mailbox.address, createEnvelope(4_000, 6))
  t.same(numbersOf(await again.envelopes(1, 1)), [6], 'wake-ups are heard again')
  await Promise.all([sender.close(), again.close()])
})

test('[protocol §4] a Redis that stands still for a while: nothing accepted is lost', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const relay = await relayFor(t, { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() })
  const mailbox = createMailbox()
  const accepted: number[] = []
  const attempt = async (number: number) => {
    const answer = await deposit(relay, mailbox.address, createEnvelope(4_000, number))
    if (answer.status === 202) accepted.push(number)
    else checkProblem(t, answer, 'ERR_STORE_UNAVAILABLE', `deposit ${number}`)
  }
  for (const number of range(0, 5)) await attempt(number)
  redis.pause()
  t.teardown(() => redis.resume())
  const during = range(5, 10).map(attempt)
  setTimeout(() => redis.resume(), 2_500)
  await Promise.all(during)
  await eventually(() => takesDeposits(relay), RECOVERY)
  for (const number of range(10, 15)) await attempt(number)
  t.ok(accepted.length >= 10, `${accepted.length} accepted`)
  const received = numbersOf(await peek(relay, mailbox))
  t.same(
    accepted.filter((number) => !received.includes(number)),
    [],
    'all that was accepted is there',
  )
  t.equal((await fetchFrom(relay, mailbox, { slots: 16 })).waiting, 0)
})
