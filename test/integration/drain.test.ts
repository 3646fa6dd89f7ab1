import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, fetchBody, type Mailbox, numbersOf, range } from '../conformance/client.ts'
import { connectDeposit, type DepositSocket } from '../conformance/deposit-socket.ts'
import { parseDepositFrame } from '../conformance/frames.ts'
import { connectMailbox, peek } from '../conformance/mailbox-socket.ts'
import { CLOSE } from '../conformance/problems.ts'
import { createStoreSecret } from '../conformance/stores.ts'
import { POST } from './hostile-requests.ts'
import { checkRegistered, exchange, RawConnection } from './raw-http.ts'
import { RawWebSocket } from './raw-websocket.ts'

/** Long enough that nothing below waits for its end, but where that is what is tried. */
const LONG_DRAIN = { LETHE_DRAIN_SECONDS: '60' }
/** What is over before this was not waited for until the end of `LONG_DRAIN`. */
const SOON_MS = 30_000

async function startTestRelay(t: Test, env: Record<string, string>): Promise<Relay> {
  const relay = await startRelay(env)
  t.teardown(() => relay.kill())
  return relay
}

async function startOnRedis(t: Test): Promise<{ redis: RedisServer; relay: Relay; env: Record<string, string> }> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const env = { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret(), ...LONG_DRAIN }
  return { redis, env, relay: await startTestRelay(t, env) }
}

function isDraining(relay: Relay): boolean {
  return relay.stderr().includes('"draining"')
}

function depositRequest(mailbox: Mailbox, number: number): Buffer {
  const body = Buffer.concat([mailbox.address, createEnvelope(4_000, number)])
  return Buffer.concat([Buffer.from(`${POST}Content-Length: ${body.length}\r\n\r\n`), body])
}

function fetchRequest(relay: Relay, mailbox: Mailbox, wait: number): Buffer {
  const body = fetchBody(mailbox, relay.origin, { wait })
  const head = POST.replace('/v1/deposit', '/v1/mailbox/fetch')
  return Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body])
}

/** A connection that has been used and is kept alive. */
async function idleConnection(relay: { url: string }, path = '/v1/info'): Promise<RawConnection> {
  const connection = new RawConnection(relay)
  connection.write(`GET ${path} HTTP/1.1\r\nHost: relay\r\n\r\n`)
  await connection.when(() => connection.seen().answers.length === 1)
  return connection
}

/** Waits for the answer that follows those that have come. */
async function nextStatus(connection: RawConnection, bytes: Buffer | string): Promise<number> {
  const before = connection.seen().answers.length
  connection.write(bytes)
  await connection.when(() => connection.isEnded || connection.seen().answers.length > before)
  return connection.seen().answers[before]?.status ?? 0
}

/** Refs that were accepted, up to the close, which must be 1001. */
async function acceptedUntilClose(t: Test, socket: DepositSocket): Promise<number[]> {
  const arrivals = await socket.rest(20_000)
  t.same(arrivals.at(-1), { kind: 'close', code: CLOSE.draining })
  const answers = arrivals.flatMap((one) => (one.kind === 'frame' ? [parseDepositFrame(one.bytes)] : []))
  return answers.filter(({ type }) => type === 'ACCEPTED').map(({ ref }) => ref)
}

test('[protocol §6] SIGTERM while the store has not confirmed: what was stored is answered', async (t) => {
  const { redis, relay, env } = await startOnRedis(t)
  const [mailbox, polled] = [createMailbox(), createMailbox()]
  const sender = await connectDeposit(relay)
  const poll = new RawConnection(relay)
  poll.write(fetchRequest(relay, polled, 30))
  const idle = await idleConnection(relay)
  const admin = await idleConnection({ url: relay.adminUrl }, '/readyz')
  t.equal(admin.seen().answers[0]?.status, 200, 'ready before')
  await sleep(300)
  redis.pause()
  t.teardown(() => redis.resume())
  const posts = range(0, 20).map((number) => {
    const connection = new RawConnection(relay)
    connection.write(depositRequest(mailbox, number))
    return connection
  })
  for (const ref of range(20, 120)) {
    sender.deposit({ ref, ttl: 600, address: mailbox.address, envelope: createEnvelope(4_000, ref) })
  }
  await sleep(500)
  const startMs = performance.now()
  const exitCode = relay.stop()
  await eventually(() => isDraining(relay))
  t.equal(await nextStatus(admin, 'GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n'), 503, 'not ready as soon as it drains')
  t.equal(await nextStatus(idle, depositRequest(mailbox, 999)), 503, 'a deposit that comes later goes elsewhere')
  t.equal(idle.seen().answers[1]?.headers.connection, 'close')
  checkRegistered(t, idle.seen().answers[1] as never, 'a deposit that comes later', ['ERR_DRAINING'])
  redis.resume()
  const accepted = await acceptedUntilClose(t, sender)
  for (const [number, post] of posts.entries()) {
    t.ok(await post.when(() => post.isEnded), 'closed after its answer')
    const [answer] = post.seen().answers
    t.ok(answer?.status === 202 || answer?.status === 503, `a deposit in flight is answered: ${answer?.status}`)
    if (answer?.status === 202) accepted.push(number)
  }
  t.ok(await poll.when(() => poll.isEnded))
  t.equal(poll.seen().answers[0]?.status, 200, 'the long poll is answered')
  t.ok(await idle.when(() => idle.isEnded), 'a connection that is kept alive is closed')
  t.equal(await exitCode, 0)
  t.ok(performance.now() - startMs < SOON_MS, 'all that long before its time to drain was over')
  const stored = numbersOf(await peek(await startTestRelay(t, { ...env, LETHE_WINDOW: '1024' }), mailbox))
  t.same(
    stored.sort((a, b) => a - b),
    accepted.sort((a, b) => a - b),
    'stored is what was accepted, each once',
  )
  t.ok(stored.length > 0, `${stored.length} of 120`)
})

test('connections that are only kept alive do not hold up the end', async (t) => {
  const relay = await startTestRelay(t, LONG_DRAIN)
  const idle = await Promise.all(range(0, 5).map(() => idleConnection(relay)))
  const admin = await idleConnection({ url: relay.adminUrl }, '/livez')
  const half = new RawConnection({ url: relay.adminUrl })
  half.write('GET /metrics HT')
  const reader = await connectMailbox(relay)
  await reader.open(1, createMailbox())
  const startMs = performance.now()
  t.equal(await relay.stop(), 0)
  t.ok(performance.now() - startMs < SOON_MS, `not waited for: ${performance.now() - startMs} ms`)
  for (const connection of [...idle, admin, half]) t.ok(await connection.when(() => connection.isEnded), 'ended')
  await t.rejects(
    exchange(relay, 'GET / HTTP/1.1\r\nHost: relay\r\n\r\n').then(({ text }) => {
      if (text === '') throw new Error('nobody listens')
    }),
  )
})

test('[LETHE_DRAIN_SECONDS] is the longest that anybody is waited for', async (t) => {
  const relay = await startTestRelay(t, { LETHE_DRAIN_SECONDS: '10' })
  const deaf = await Promise.all([
    new RawWebSocket(relay).upgraded('/v1/deposit'),
    new RawWebSocket(relay).upgraded('/v1/mailbox'),
  ])
  const half = new RawConnection(relay)
  half.write(`${POST}Content-Length: 4032\r\n\r\nhalf of it`)
  await sleep(300)
  const startMs = performance.now()
  t.equal(await relay.stop(), 0, 'it ends by itself')
  const tookMs = performance.now() - startMs
  t.ok(tookMs > 9_000, `a request that has begun gets its time: ${tookMs} ms`)
  t.ok(tookMs < 25_000, `and no more: ${tookMs} ms`)
  for (const connection of [...deaf, half]) t.ok(await connection.when(() => connection.isEnded))
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`a second ${signal} ends the process at once`, async (t) => {
    const relay = await startTestRelay(t, LONG_DRAIN)
    const half = new RawConnection(relay)
    half.write(`${POST}Content-Length: 4032\r\n\r\nhalf of it`)
    await sleep(300)
    process.kill(relay.pid, signal)
    await eventually(() => isDraining(relay))
    await sleep(500)
    t.notOk(half.isEnded, 'the first one waits')
    process.kill(relay.pid, signal)
    t.ok(await half.when(() => half.isEnded), 'the second one does not')
    t.equal(await relay.stop(), null, 'ended by the signal')
    t.notMatch(relay.stderr(), /"stopped"/)
  })
}
