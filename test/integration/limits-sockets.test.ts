import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '../_util/redis.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, depositFrame, openFrame, openSignature, range } from '../conformance/client.ts'
import { connectDeposit } from '../conformance/deposit-socket.ts'
import { parseDepositFrame } from '../conformance/frames.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'
import { CLOSE } from '../conformance/problems.ts'
import { createStoreSecret } from '../conformance/stores.ts'
import { HonestPair } from './honest-pair.ts'
import { RawConnection } from './raw-http.ts'
import { clientFrame, OPCODE, RawWebSocket } from './raw-websocket.ts'
import { EXACT_METRICS, metric, residentBytes } from './served.ts'

async function startTestRelay(t: Test, env: Record<string, string> = {}): Promise<Relay> {
  const relay = await startRelay({ LETHE_LOG_LEVEL: 'debug', ...EXACT_METRICS, ...env })
  t.teardown(() => relay.stop())
  return relay
}

/** Runs an attack while an honest pair exchanges envelopes, then waits until no socket is left of it. */
async function duringExchange(t: Test, relay: Relay, attack: () => Promise<void>): Promise<void> {
  const pair = await HonestPair.connect(relay)
  const exchanging = pair.exchangeUntilStopped()
  await attack()
  const exchanged = await pair.stop(exchanging)
  t.ok(exchanged > 0, `an honest pair exchanged ${exchanged} envelopes meanwhile, all of them in order`)
  await checkNoSockets(relay)
  const events = relay.stderr().trim().split('\n')
  t.same(
    events.map((line) => JSON.parse(line).event),
    ['store-up', 'listening'],
    'no line is written on account of a socket',
  )
}

async function checkNoSockets(relay: Relay): Promise<void> {
  await eventually(async () => (await metric(relay, 'lethe_open_sockets')) === 0)
  await eventually(async () => (await metric(relay, 'lethe_open_mailboxes')) === 0)
}

test('[protocol §5] thousands of OPENs with bad signatures hinder nobody', async (t) => {
  const relay = await startTestRelay(t)
  const before = residentBytes(relay)
  const opens = range(0, 50).map((channel) => openFrame(channel, createMailbox().publicKey, Buffer.alloc(64, channel)))
  const seen = new Set<string>()
  const attackOnce = async () => {
    const socket = await connectMailbox(relay)
    for (const open of opens) socket.send(open)
    const arrivals = await socket.rest(10_000)
    seen.add(arrivals.map((one) => (one.kind === 'frame' ? one.bytes.toString('hex') : one.code)).join())
  }
  await duringExchange(t, relay, async () => {
    for (const _ of range(0, 10)) await Promise.all(range(0, 12).map(attackOnce))
  })
  t.same([...seen], [`8f00000005,8f00010005,${CLOSE.failedOpens}`], 'two ERRORs 5, and the third closes, every time')
  t.ok(residentBytes(relay) - before < 150_000_000, 'after 6,000 OPENs its memory is what it was, or nearly')
})

test('[protocol §5] floods of pings and of empty frames', async (t) => {
  const relay = await startTestRelay(t)
  const before = residentBytes(relay)
  const ping = clientFrame(Buffer.alloc(125, 'x'), OPCODE.ping)
  const floods = {
    pings: Buffer.concat(Array(500).fill(ping)),
    'pings, one by one': ping,
    pongs: Buffer.concat(Array(500).fill(clientFrame(Buffer.alloc(125), OPCODE.pong))),
    'empty fragments': Buffer.concat(Array(500).fill(clientFrame(Buffer.alloc(0), OPCODE.continuation, false))),
  }
  await duringExchange(t, relay, async () => {
    const flooding = Object.entries(floods).flatMap(([name, flood]) =>
      [true, false].map(async (reads) => {
        const socket = await new RawWebSocket(relay).upgraded('/v1/mailbox')
        if (!reads) socket.socket.pause()
        if (name === 'empty fragments') socket.write(clientFrame(Buffer.alloc(0), OPCODE.binary, false))
        await socket.flood(flood, 500)
        socket.socket.resetAndDestroy()
      }),
    )
    await Promise.all(flooding)
  })
  t.ok(residentBytes(relay) - before < 150_000_000, 'its memory is what it was, or nearly')
})

/** A socket that has as many channels as it may have, so that every OPEN is answered with an ERROR. */
async function fullMailboxSocket(relay: Relay): Promise<RawWebSocket> {
  const socket = await new RawWebSocket(relay).upgraded('/v1/mailbox')
  await socket.when(() => socket.frames().length === 1)
  const [hello] = socket.frames()
  const mailbox = createMailbox()
  const nonce = Buffer.from(hello?.payload.subarray(1) ?? [])
  socket.write(clientFrame(openFrame(0, mailbox.publicKey, openSignature(mailbox, relay.origin, nonce))))
  await socket.when(() => socket.frames().length === 3)
  return socket
}

test('[protocol §6] answers to thousands of tiny frames that nobody reads: bounded memory, then the end', async (t) => {
  const relay = await startTestRelay(t, { LETHE_MAX_CHANNELS: '1' })
  const before = residentBytes(relay)
  const tiny = { ttl: 60, address: createMailbox().address, envelope: Buffer.alloc(0) }
  const deposits = range(0, 2_000).map((ref) => clientFrame(depositFrame({ ref, ...tiny })))
  const opens = range(1, 2_001).map((channel) => clientFrame(openFrame(channel, Buffer.alloc(32), Buffer.alloc(64))))
  const floods = [
    { socket: await new RawWebSocket(relay).upgraded('/v1/deposit'), flood: Buffer.concat(deposits) },
    { socket: await new RawWebSocket(relay).upgraded('/v1/deposit'), flood: Buffer.concat(deposits) },
    { socket: await fullMailboxSocket(relay), flood: Buffer.concat(opens) },
  ]
  let peakBytes = 0
  const watch = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(relay))
  }, 100)
  t.teardown(() => clearInterval(watch))
  await duringExchange(t, relay, async () => {
    const flooding = floods.map(async ({ socket, flood }) => {
      socket.socket.pause()
      await socket.flood(flood, 1_000)
      socket.socket.resume()
      t.ok(await socket.when(() => socket.isEnded), 'the relay ends it')
      for (const code of socket.closeCodes()) t.equal(code, CLOSE.tooSlow, 'with 4410')
      socket.destroy()
    })
    await Promise.all(flooding)
  })
  t.ok(peakBytes - before < 150_000_000, `its memory is bounded: ${peakBytes - before} bytes more`)
})

/** Deposits of 4,000 bytes to several mailboxes, so that no bucket fills up. */
function manyDeposits(count: number): Buffer[] {
  const addresses = range(0, 8).map(() => createMailbox().address)
  return range(0, count).map((ref) => {
    const address = addresses[ref % addresses.length] as Buffer
    return clientFrame(depositFrame({ ref, ttl: 600, address, envelope: createEnvelope(4_000, ref) }))
  })
}

test('[protocol §4] a sender faster than the store is held back and gets every answer', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const store = { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() }
  // Nothing is refused for the wait: what is looked at is how it is held back.
  const relay = await startTestRelay(t, { ...store, LETHE_MAX_WAIT_MS: '60000' })
  const before = residentBytes(relay)
  const deposits = manyDeposits(6_000)
  const socket = await new RawWebSocket(relay).upgraded('/v1/deposit')
  redis.pause()
  t.teardown(() => redis.resume())
  for (const deposit of deposits) socket.write(deposit)
  await sleep(1_500)
  t.ok(socket.socket.writableLength > 1_000_000, `of 24 MB ${socket.socket.writableLength} bytes are held back`)
  t.ok(residentBytes(relay) - before < 60_000_000, 'and not in the memory of the relay')
  redis.resume()
  const areAnswered = () => socket.received.length > deposits.length * 7 && socket.frames().length >= deposits.length
  t.ok(await socket.when(areAnswered, 60_000), 'all are answered')
  const answers = socket.frames().map(({ payload }) => parseDepositFrame(payload))
  t.same(new Set(answers.map(({ type }) => type)), new Set(['ACCEPTED']), 'every one is accepted')
  t.equal(new Set(answers.map(({ ref }) => ref)).size, deposits.length)
  t.equal(answers.length, deposits.length, 'once')
  socket.destroy()
  await checkNoSockets(relay)
})

test('[LETHE_MAX_CONNECTIONS] more connections are refused, those that stand are served', async (t) => {
  const relay = await startTestRelay(t, { LETHE_MAX_CONNECTIONS: '12' })
  await duringExchange(t, relay, async () => {
    const within = await Promise.all(range(0, 10).map(() => new RawWebSocket(relay).upgraded('/v1/deposit')))
    const beyond = range(0, 200).map(() => new RawConnection(relay))
    for (const connection of beyond) connection.write('GET /v1/info HTTP/1.1\r\nHost: relay\r\n\r\n')
    const ended = await Promise.all(beyond.map((connection) => connection.when(() => connection.isEnded)))
    t.same(new Set(ended), new Set([true]), 'those beyond are ended')
    t.equal(beyond.map(({ received }) => received).join(''), '', 'without a word')
    for (const connection of beyond) connection.destroy()
    t.notOk(
      within.some(({ isEnded }) => isEnded),
      'those within stay',
    )
    within.pop()?.destroy()
    const next = await eventually(() => connectDeposit(relay))
    await next.close()
    for (const socket of within) socket.destroy()
  })
})

test('sockets that are reset in the middle of a frame leave nothing behind', async (t) => {
  const relay = await startTestRelay(t)
  const deposit = clientFrame(
    depositFrame({ ref: 1, ttl: 60, address: createMailbox().address, envelope: createEnvelope() }),
  )
  const cuts = [1, 2, 5, 8, 30, 2_000, deposit.length - 1, deposit.length, deposit.length + 1]
  await duringExchange(t, relay, async () => {
    for (const round of range(0, 15)) {
      const sockets = cuts.flatMap((cut) =>
        (['/v1/deposit', '/v1/mailbox'] as const).map(async (path) => {
          const socket = await new RawWebSocket(relay).upgraded(path)
          socket.write(Buffer.concat([deposit, deposit]).subarray(0, cut))
          if (round % 3 === 0) await sleep(5)
          socket.socket.resetAndDestroy()
        }),
      )
      await Promise.all(sockets)
    }
    const halfOpen = range(0, 50).map(() => new RawWebSocket(relay))
    for (const socket of halfOpen) {
      void socket.upgraded('/v1/mailbox').catch(() => {}) // it is reset before it is one
      socket.socket.once('connect', () => setImmediate(() => socket.socket.resetAndDestroy()))
    }
    await Promise.all(halfOpen.map((socket) => socket.when(() => socket.isEnded)))
  })
})

test('[protocol §6] a client that never answers the close frame is cut off', async (t) => {
  const relay = await startTestRelay(t, { LETHE_DRAIN_SECONDS: '60' })
  const deaf = await Promise.all([
    new RawWebSocket(relay).upgraded('/v1/deposit'),
    new RawWebSocket(relay).upgraded('/v1/mailbox'),
  ])
  const malformed = await new RawWebSocket(relay).upgraded('/v1/mailbox')
  malformed.write(clientFrame(Buffer.of(0x77)))
  t.ok(await malformed.when(() => malformed.isEnded))
  t.same(malformed.closeCodes(), [CLOSE.malformed])
  const startMs = performance.now()
  t.equal(await relay.stop(), 0)
  const tookMs = performance.now() - startMs
  t.ok(tookMs < 25_000, `long before its time to drain was over: ${tookMs} ms`)
  for (const socket of deaf) {
    t.ok(await socket.when(() => socket.isEnded))
    t.same(socket.closeCodes(), [CLOSE.draining])
    socket.destroy()
  }
  malformed.destroy()
})
