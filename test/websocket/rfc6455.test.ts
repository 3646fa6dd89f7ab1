import { setImmediate as turn } from 'node:timers/promises'
import { type Relay, startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { exchange } from '../integration/raw-http.ts'
import { OPCODE, RawWebSocket } from '../integration/raw-websocket.ts'
import { serveRound } from '../integration/served.ts'
import { FRAME_CASES, type FrameCase } from './cases.ts'

const AT_A_TIME = 25
const LAST_PING = Buffer.from('the last one')

const isAnswer = ({ opcode }: { opcode: number }) => opcode === OPCODE.binary

/** Sends a case's pieces; after those that leave the socket open a ping, and waits for its pong and for the answers. */
async function run(relay: Relay, { pieces, answers = 0, closes }: FrameCase) {
  const socket = await new RawWebSocket(relay).upgraded('/v1/deposit')
  for (const piece of pieces) {
    socket.write(piece)
    if (pieces.length > 1) await turn()
  }
  if (closes) await socket.when(() => socket.isEnded)
  else {
    socket.write(Buffer.concat([Buffer.of(0x89, 0x80 | LAST_PING.length), Buffer.alloc(4), LAST_PING]))
    await socket.when(() => {
      if (socket.isEnded) return true
      const frames = socket.frames()
      return frames.filter(isAnswer).length >= answers && frames.some(({ payload }) => payload.equals(LAST_PING))
    })
  }
  const frames = socket.frames()
  const { isEnded } = socket
  socket.destroy()
  const payloads = (wanted: number) => frames.filter(({ opcode }) => opcode === wanted).map(({ payload }) => payload)
  return {
    isEnded,
    answers: payloads(OPCODE.binary),
    pongs: payloads(OPCODE.pong).filter((payload) => !payload.equals(LAST_PING)),
    closes: payloads(OPCODE.close).map((payload) => (payload.length === 0 ? 'empty' : payload.readUInt16BE(0))),
  }
}

async function check(t: Test, relay: Relay, one: FrameCase): Promise<void> {
  const what = `[RFC6455-${one.section.split(' ')[0]}] ${one.name}`
  const seen = await run(relay, one)
  t.equal(seen.answers.length, one.answers ?? 0, `answers: ${what}`)
  t.same(seen.pongs, one.pongs ?? [], `pongs: ${what}`)
  t.equal(seen.isEnded, one.closes !== undefined, `the end: ${what}`)
  if (one.closes) {
    t.equal(seen.closes.length, 1, `one close frame: ${what}`)
    t.ok(one.closes.includes(seen.closes[0] as number), `closed with ${seen.closes}, ${one.closes} is right: ${what}`)
  }
}

test('[RFC6455-5] [RFC6455-7] frames of every kind, section by section', async (t) => {
  const relay = await startRelay({ LETHE_LOG_LEVEL: 'debug' })
  t.teardown(() => relay.stop())
  for (let at = 0; at < FRAME_CASES.length; at += AT_A_TIME) {
    await Promise.all(FRAME_CASES.slice(at, at + AT_A_TIME).map((one) => check(t, relay, one)))
  }
  await serveRound(relay, 1)
  t.equal(relay.stderr().trim().split('\n').length, 2, 'no line is written on account of a frame')
})

test('[RFC6455-9] no extension is agreed on, whatever is offered', async (t) => {
  const relay = await startRelay()
  t.teardown(() => relay.stop())
  const offers = [
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits; server_no_context_takeover',
    'x-webkit-deflate-frame, bbf-usp',
  ]
  for (const offer of offers) {
    const { answers } = await exchange(
      relay,
      'GET /v1/deposit HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: lethe.v1\r\nSec-WebSocket-Extensions: ${offer}\r\n\r\n`,
    )
    t.equal(answers[0]?.status, 101)
    t.equal(answers[0]?.headers['sec-websocket-extensions'], undefined, offer)
  }
})
