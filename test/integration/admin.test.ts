import { connect } from 'node:net'
import { startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox } from '../conformance/client.ts'
import { connectDeposit } from '../conformance/deposit-socket.ts'
import { type Answer, request } from '../conformance/http.ts'
import { checkProblem } from '../conformance/problems.ts'
import { createStoreSecret, type Relay, relayFor } from '../conformance/stores.ts'

const PATHS = ['/livez', '/readyz', '/metrics']

const ask = (relay: Relay, path: string, method = 'GET'): Promise<Answer> =>
  request({ url: relay.adminUrl }, path, { method })

async function statusOf(relay: Relay, path: string): Promise<number> {
  return (await ask(relay, path)).status
}

/** Whether anybody listens there. */
function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

test('/livez, /readyz and /metrics are on the admin listener, and nothing else is', async (t) => {
  const relay = await relayFor(t, {})
  const live = await ask(relay, '/livez')
  t.match(live, { status: 200, headers: { 'content-type': /^text\/plain/ } })
  t.equal(live.body.toString(), 'alive\n')
  const ready = await ask(relay, '/readyz')
  t.match(ready, { status: 200, headers: { 'content-type': /^text\/plain/ } })
  t.equal(ready.body.toString(), 'ready\n')
  const metrics = await ask(relay, '/metrics')
  t.match(metrics, { status: 200, headers: { 'content-type': /^text\/plain; version=0\.0\.4/ } })
  t.match(metrics.body.toString(), /^# HELP lethe_/)
  for (const answer of [live, ready, metrics]) t.equal(answer.headers['cache-control'], 'no-store')
  for (const path of ['/', '/v1/info', '/v1/deposit', '/v1/mailbox', '/metrics/', '/livez/x', '/%canary', '//']) {
    const answer = await ask(relay, path)
    t.equal(answer.status, 404, path)
    t.equal(answer.body.toString(), 'not found\n', 'which says nothing of what was asked')
    t.equal(answer.headers['cache-control'], 'no-store')
  }
  for (const path of PATHS) t.equal((await ask(relay, path, 'POST')).status, 404, `POST ${path}`)
})

test('the public listener has none of them', async (t) => {
  const relay = await relayFor(t, {})
  for (const path of PATHS) checkProblem(t, await request(relay, path), 'ERR_NOT_FOUND', path)
})

test('[LETHE_ADMIN_HOST] it listens on 127.0.0.1 and no other address, or on the one it is given', async (t) => {
  const portOf = (relay: Relay) => Number(new URL(relay.adminUrl).port)
  const relay = await relayFor(t, {})
  t.equal(await isListening('127.0.0.1', portOf(relay)), true)
  t.equal(await isListening('127.0.0.2', portOf(relay)), false)
  const elsewhere = await relayFor(t, { LETHE_ADMIN_HOST: '127.0.0.2' })
  t.equal(await isListening('127.0.0.1', portOf(elsewhere)), false)
  t.equal(await isListening('127.0.0.2', portOf(elsewhere)), true)
})

test('/readyz says no while Redis is silent, /livez and /metrics go on', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const relay = await relayFor(t, { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() })
  t.equal(await statusOf(relay, '/readyz'), 200)
  redis.pause()
  await eventually(async () => (await statusOf(relay, '/readyz')) === 503, { timeoutMs: 30_000 })
  t.equal((await ask(relay, '/readyz')).body.toString(), 'not ready\n')
  t.equal(await statusOf(relay, '/livez'), 200)
  t.equal(await statusOf(relay, '/metrics'), 200)
  redis.resume()
  await eventually(async () => (await statusOf(relay, '/readyz')) === 200, { timeoutMs: 30_000 })
})

test('/readyz says no as soon as the relay drains, and it is the last to close', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const relay = await relayFor(t, { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() })
  await drainsWithDepositInFlight(t, relay, redis)
})

async function drainsWithDepositInFlight(t: Test, relay: Relay, redis: { pause(): void; resume(): void }) {
  const sender = await connectDeposit(relay)
  redis.pause()
  sender.deposit({ ref: 1, ttl: 60, address: createMailbox().address, envelope: createEnvelope() })
  await new Promise((resolve) => setTimeout(resolve, 200))
  const stopping = relay.stop()
  await eventually(async () => (await statusOf(relay, '/readyz')) === 503)
  t.equal(await statusOf(relay, '/livez'), 200, 'it lives while a deposit is under way')
  redis.resume()
  t.same(await sender.answer(), { type: 'ACCEPTED', ref: 1 })
  t.equal(await stopping, 0)
}
