import { setTimeout as sleep } from 'node:timers/promises'
import { startRelay } from '../_util/relay.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createMailbox, depositFrame } from '../conformance/client.ts'
import { HonestPair } from './honest-pair.ts'
import { clientFrame, OPCODE, RawWebSocket } from './raw-websocket.ts'
import { EXACT_METRICS, metric } from './served.ts'

/** Two pings and the time for their pongs are over after 90 s; the rest is for a busy machine. */
const PATIENCE_MS = 110_000

/** Peers that never answer a ping, each in its own way. `tick` is called every second. */
const SILENT: Record<string, (socket: RawWebSocket) => { tick?: () => void }> = {
  'says nothing': () => ({}),
  'reads nothing': (socket) => {
    socket.socket.pause()
    return {}
  },
  'sends pings of its own': (socket) => ({ tick: () => socket.write(clientFrame(Buffer.of(1), OPCODE.ping)) }),
  'sends half a frame a second': (socket) => {
    const frame = clientFrame(Buffer.alloc(4_041, 1))
    let at = 0
    return { tick: () => socket.write(frame.subarray(at, ++at)) }
  },
}

test('[protocol §5] who answers no ping is no longer served, whatever else they send', async (t) => {
  const relay = await startRelay(EXACT_METRICS)
  t.teardown(() => relay.stop())
  const pair = await HonestPair.connect(relay)
  const connecting = Object.entries(SILENT).map(async ([name, start]) => {
    const socket = await new RawWebSocket(relay).upgraded('/v1/deposit')
    return { name, socket, ...start(socket) }
  })
  const silent = await Promise.all(connecting)
  const depositing = await new RawWebSocket(relay).upgraded('/v1/deposit')
  const deposit = { ref: 1, ttl: 60, address: createMailbox().address, envelope: Buffer.alloc(4_000) }
  const answering = await new RawWebSocket(relay).upgraded('/v1/deposit')
  const ticking = setInterval(() => {
    for (const { tick } of silent) tick?.()
    depositing.write(clientFrame(depositFrame(deposit)))
    answering.write(clientFrame(Buffer.alloc(0), OPCODE.pong))
  }, 1_000)
  t.teardown(() => clearInterval(ticking))
  const exchanging = pair.exchangeUntilStopped()

  await sleep(50_000)
  for (const { name, socket } of silent) t.notOk(socket.isEnded, `one missed pong is forgiven: ${name}`)
  for (const { name, socket } of silent) {
    if (name === 'reads nothing') continue
    t.ok(await socket.when(() => socket.isEnded, PATIENCE_MS), `two are not: ${name}`)
    const pings = socket.frames().filter(({ opcode }) => opcode === OPCODE.ping)
    t.ok(pings.length >= 2, `not before the second: ${name}`)
    t.same(socket.closeCodes(), [], `without a close frame: ${name}`)
  }
  t.ok(await depositing.when(() => depositing.isEnded, PATIENCE_MS), 'nor where deposits go on')
  await eventually(async () => (await metric(relay, 'lethe_open_sockets')) === 3, { timeoutMs: 30_000 })
  t.notOk(answering.isEnded, 'pongs that nobody asked for are pongs')
  answering.destroy()
  t.ok((await pair.stop(exchanging)) > 1_000, 'others are served all the time')
  await eventually(async () => (await metric(relay, 'lethe_open_sockets')) === 0)
  for (const { socket } of silent) socket.destroy()
})
