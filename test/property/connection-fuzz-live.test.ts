import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { type Relay, startRelay } from '../_util/relay.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { ackFrame, closeFrame, createMailbox, depositFrame, openFrame, openSignature } from '../conformance/client.ts'
import { HonestPair } from '../integration/honest-pair.ts'
import { clientFrame, OPCODE, RawWebSocket } from '../integration/raw-websocket.ts'
import { EXACT_METRICS, metric, serveRound } from '../integration/served.ts'

const RUNS = 60
const mailbox = createMailbox()
const address = mailbox.address

/** Payloads that are frames of the protocol, cut frames, and bytes that are none. */
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.nat({ max: 300 }).map((channel) => openFrame(channel, mailbox.publicKey, Buffer.alloc(64, channel))),
  fc.nat({ max: 300 }).map((channel) => ackFrame(channel, ['ab'.repeat(16), '00'.repeat(16)])),
  fc.nat({ max: 300 }).map((channel) => closeFrame(channel)),
  fc
    .constantFrom(0, 1, 3_999, 4_000, 4_000, 64_000, 64_001)
    .map((bytes) => depositFrame({ ref: bytes, ttl: bytes, address, envelope: Buffer.alloc(bytes, 7) })),
  fc.nat({ max: 98 }).map((length) => openFrame(1, mailbox.publicKey, Buffer.alloc(64)).subarray(0, length)),
)

/** Frames of WebSocket, right and wrong, and bytes that are none. */
const frame = fc.oneof(
  { weight: 10, arbitrary: payload.map((bytes) => clientFrame(bytes)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(payload, fc.nat({ max: 15 }), fc.boolean())
      .map(([bytes, opcode, isLast]) => clientFrame(bytes, opcode, isLast)),
  },
  { weight: 2, arbitrary: payload.map((bytes) => clientFrame(bytes.subarray(0, 120), OPCODE.ping)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
)

const socket = fc.record({
  path: fc.constantFrom('/v1/deposit' as const, '/v1/mailbox' as const),
  opens: fc.boolean(),
  frames: fc.array(frame, { maxLength: 30 }),
  inOneGo: fc.boolean(),
  end: fc.constantFrom('reset', 'end', 'wait'),
})

type Script = typeof socket extends fc.Arbitrary<infer T> ? T : never

async function play(relay: Relay, { path, opens, frames, inOneGo, end }: Script): Promise<void> {
  const socket = await new RawWebSocket(relay).upgraded(path)
  if (opens && path === '/v1/mailbox') {
    await socket.when(() => socket.frames().length > 0)
    const nonce = Buffer.from(socket.frames()[0]?.payload.subarray(1) ?? [])
    socket.write(clientFrame(openFrame(0, mailbox.publicKey, openSignature(mailbox, relay.origin, nonce))))
  }
  if (inOneGo) socket.write(Buffer.concat(frames))
  else for (const each of frames) socket.write(each)
  if (end === 'wait') await socket.when(() => socket.isEnded, 50)
  if (end === 'end') socket.socket.end()
  else await sleep(1)
  if (end === 'end') await socket.when(() => socket.isEnded)
  socket.socket.resetAndDestroy()
}

test('[protocol §6] a relay stays up and serves others, whatever comes on its sockets', async (t) => {
  const relay = await startRelay({ LETHE_LOG_LEVEL: 'debug', ...EXACT_METRICS })
  t.teardown(() => relay.stop())
  const pair = await HonestPair.connect(relay)
  let number = 0
  const property = fc.asyncProperty(fc.array(socket, { minLength: 1, maxLength: 6 }), async (scripts) => {
    await Promise.all(scripts.map((script) => play(relay, script)))
    await pair.exchange(number++)
  })
  await t.resolves(fc.assert(property, { numRuns: RUNS }))
  await serveRound(relay, 1)
  await pair.stop(Promise.resolve(0))
  await eventually(async () => (await metric(relay, 'lethe_open_sockets')) === 0)
  t.equal(await metric(relay, 'lethe_open_mailboxes'), 0, 'nothing of it is left')
  const events = relay.stderr().trim().split('\n')
  t.same(
    events.map((line) => JSON.parse(line).event),
    ['store-up', 'listening'],
    'nothing was unforeseen',
  )
})
