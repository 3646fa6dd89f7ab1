import { setTimeout as sleep } from 'node:timers/promises'
import { type FlakyProxy, startFlakyProxy } from '../_util/flaky-proxy.ts'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createEnvelopes, createMailbox, idsOf, numbersOf, range } from '../conformance/client.ts'
import { depositAll } from '../conformance/deposit-socket.ts'
import type { MailboxFrame } from '../conformance/frames.ts'
import { acknowledge, deposit, request } from '../conformance/http.ts'
import { connectMailbox, type MailboxSocket } from '../conformance/mailbox-socket.ts'
import { createStoreSecret, type Relay, relayFor } from '../conformance/stores.ts'
import { Traffic } from '../traffic/traffic.ts'

const PAUSE_MS = 8_000
/** Longer than a relay waits for Redis, shorter than a client waits for a relay. */
const ANSWER_MS = 10_000
const A_LOOK = { timeoutMs: 45_000, intervalMs: 100 }

async function isReady(relay: Relay): Promise<boolean> {
  return (await request({ url: relay.adminUrl }, '/readyz')).status === 200
}

const isEmpty = (redis: RedisServer) => async () => (await redis.cli('DBSIZE')) === '0'

/** Opens a mailbox and takes what waits, up to DRAINED. */
async function opened(relay: Relay, mailbox: ReturnType<typeof createMailbox>): Promise<MailboxSocket> {
  const socket = await connectMailbox(relay)
  await socket.open(1, mailbox)
  await socket.untilDrained(1)
  return socket
}

test('[protocol §6] Redis stands still for a while under traffic, and goes on', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const env = { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() }
  const traffic = new Traffic(t, { online: 8, offline: 2, senders: 8 })
  for (const instance of [0, 1]) await traffic.fleet.start(instance, env)
  traffic.begin()
  const mailbox = createMailbox()
  const slow = await opened(traffic.fleet.get(1), mailbox)
  await depositAll(traffic.fleet.get(0), mailbox.address, createEnvelopes(20))
  const ids = idsOf(await slow.envelopes(1, 20))
  await traffic.flows()

  redis.pause()
  slow.ack(1, ids.slice(0, 10))
  await sleep(PAUSE_MS / 2)
  slow.ack(1, ids.slice(10))
  await sleep(PAUSE_MS / 2)
  redis.resume()

  await traffic.flows()
  await traffic.end(t)
  t.ok(traffic.refusals.length > 0, 'deposits were refused while it stood still')
  t.ok(traffic.slowestMs < ANSWER_MS, `all were answered, the slowest after ${traffic.slowestMs} ms`)
  t.same(traffic.closes, [], 'no socket was closed')
  await traffic.finish(t, isEmpty(redis))
  const rest = await slow.restFrames()
  t.same(
    rest.filter(({ type }) => type !== 'DRAINED'),
    [],
    'acknowledgements of that time were kept in mind',
  )
  t.ok(slow.isOpen)
})

/** What comes after any number of DRAINED: whoever looked for what was missed says so. */
async function lastOf(socket: MailboxSocket): Promise<MailboxFrame> {
  for (;;) {
    const frame = await socket.frame(A_LOOK.timeoutMs)
    if (frame.type !== 'DRAINED') return frame
  }
}

interface Way {
  readonly name: string
  breakOff(proxy: FlakyProxy): void
  mend(proxy: FlakyProxy): void
}

const WAYS: readonly Way[] = [
  {
    name: 'connections are reset',
    breakOff: (proxy) => {
      proxy.cutAfter(() => 0)
      proxy.cut()
    },
    mend: (proxy) => proxy.cutAfter(undefined),
  },
  { name: 'nothing comes through', breakOff: (proxy) => proxy.stall(), mend: (proxy) => proxy.resume() },
]

interface Split {
  readonly redis: RedisServer
  readonly proxy: FlakyProxy
  /** Reaches Redis through the proxy. */
  readonly cut: Relay
  readonly whole: Relay
}

async function checkSplit(t: Test, { redis, proxy, cut, whole }: Split, { breakOff, mend }: Way): Promise<void> {
  const [moving, staying] = [createMailbox(), createMailbox()]
  const [older, stayer] = [await opened(cut, moving), await opened(cut, staying)]
  await depositAll(whole, staying.address, createEnvelopes(5))
  const ids = idsOf(await stayer.envelopes(1, 5))
  breakOff(proxy)
  stayer.ack(1, ids)
  await eventually(async () => !(await isReady(cut)), A_LOOK)
  t.ok(await isReady(whole))
  t.equal((await deposit(cut, staying.address, createEnvelope())).status, 503)
  const newer = await opened(whole, moving)
  for (const { address } of [moving, staying]) {
    t.equal((await deposit(whole, address, createEnvelope(4_000, 7))).status, 202)
  }
  const received = await newer.envelopes(1, 1)
  t.same(numbersOf(received), [7])
  newer.ack(1, idsOf(received))

  mend(proxy)
  t.same(await lastOf(older), { type: 'DISPLACED', channel: 1 }, 'it learns that it was displaced')
  const late = await lastOf(stayer)
  if (late.type !== 'ENVELOPE') throw new Error(`not what came meanwhile: ${late.type}`)
  t.same(numbersOf([late]), [7], 'what came meanwhile is delivered')
  stayer.ack(1, [late.id])
  await eventually(isEmpty(redis), A_LOOK)
  t.same(
    (await stayer.restFrames()).filter(({ type }) => type !== 'DRAINED'),
    [],
  )
  t.same(await newer.restFrames(), [], 'the newer session is left alone')
  t.ok(older.isOpen && stayer.isOpen && newer.isOpen)
  await eventually(() => isReady(cut))
  await Promise.all([older.close(), stayer.close(), newer.close()])
}

test('[protocol §5] one relay loses Redis and another does not', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const proxy = await startFlakyProxy(redis.port)
  t.teardown(() => proxy.stop())
  const secret = { LETHE_STORE_SECRET: createStoreSecret() }
  const cut = await relayFor(t, { LETHE_REDIS_URL: `redis://127.0.0.1:${proxy.port}`, ...secret })
  const whole = await relayFor(t, { LETHE_REDIS_URL: redis.url, ...secret })
  for (const way of WAYS) await t.test(way.name, (t) => checkSplit(t, { redis, proxy, cut, whole }, way))
})

test('[protocol §5] what came in a gap is not hidden by what was acknowledged elsewhere', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const proxy = await startFlakyProxy(redis.port)
  t.teardown(() => proxy.stop())
  const secret = { LETHE_STORE_SECRET: createStoreSecret() }
  const cut = await relayFor(t, { LETHE_REDIS_URL: `redis://127.0.0.1:${proxy.port}`, ...secret })
  const whole = await relayFor(t, { LETHE_REDIS_URL: redis.url, ...secret })
  const mailbox = createMailbox()
  const reader = await opened(cut, mailbox)
  await depositAll(whole, mailbox.address, createEnvelopes(10))
  const ids = idsOf(await reader.envelopes(1, 10))
  const [{ breakOff, mend }] = WAYS as [Way, Way]
  breakOff(proxy)
  t.equal((await acknowledge(whole, mailbox, ids.slice(1))).status, 204)
  await depositAll(whole, mailbox.address, createEnvelopes(3, 4_000, 10))
  await eventually(async () => !(await isReady(cut)))
  mend(proxy)
  t.same(numbersOf(await reader.untilDrained(1)), [10, 11, 12], 'DRAINED comes after them')
  await reader.close()
})

test('[protocol §5] two relays lose Redis in turn and find it again at once: one session of a mailbox stays', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const proxies = [await startFlakyProxy(redis.port), await startFlakyProxy(redis.port)]
  t.teardown(() => Promise.all(proxies.map((proxy) => proxy.stop())))
  const secret = { LETHE_STORE_SECRET: createStoreSecret() }
  const relays: Relay[] = []
  for (const { port } of proxies) {
    relays.push(await relayFor(t, { LETHE_REDIS_URL: `redis://127.0.0.1:${port}`, ...secret }))
  }
  const mailboxes = range(0, 20).map(() => createMailbox())
  const [{ breakOff, mend }] = WAYS as [Way, Way]
  const sockets: MailboxSocket[] = []
  for (const [i, relay] of relays.entries()) {
    const socket = await connectMailbox(relay)
    for (const [channel, mailbox] of mailboxes.entries()) {
      await socket.open(channel, mailbox)
      await socket.untilDrained(channel)
    }
    sockets.push(socket)
    breakOff(proxies[i] as FlakyProxy)
    await eventually(async () => !(await isReady(relay)))
  }
  for (const proxy of proxies) mend(proxy)
  for (const relay of relays) await eventually(() => isReady(relay), A_LOOK)
  const frames = await Promise.all(sockets.map((socket) => socket.restFrames(3_000)))
  const displaced = frames.map((list) => list.flatMap((f) => (f.type === 'DISPLACED' ? [f.channel] : [])))
  t.same(
    displaced.flat().toSorted((a, b) => a - b),
    mailboxes.map((_, channel) => channel),
    'of each mailbox one session, no more and no fewer, was displaced',
  )
  for (const socket of sockets) await socket.close()
})
