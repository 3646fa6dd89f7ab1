import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { Incoming } from '../../src/ws/incoming.ts'
import { collectGarbage } from '../_util/garbage.ts'
import { test } from '../_util/tap.ts'
import { wireFrame } from '../websocket/wire.ts'

const LIMIT_BYTES = 1_000_000
const MASK = Buffer.from('a1b2c3d4', 'hex')
const SOCKETS = 50
const MOST_LOOKS = 50
/** What a message that has only begun is given at first, and what Node needs around it. */
const ROOM_BYTES = 10_000

const binary = (payload: Buffer) => wireFrame({ first: 0x82, payload, mask: MASK })
const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0)

/** A socket that `ws` listens to. */
function createBench(limitBytes = LIMIT_BYTES) {
  const transport = new EventEmitter() as Socket
  const toWs: Buffer[] = []
  const messages: Buffer[] = []
  const listener = (bytes: Buffer) => void toWs.push(Buffer.from(bytes))
  transport.on('data', listener)
  new Incoming(transport, limitBytes, (message) => void messages.push(message))
  const give = (bytes: Buffer) => void transport.emit('data', bytes)
  return { transport, toWs, messages, listener, give }
}

/**
 * Buffers that are no longer in use are given back in the background, so that it may take more than one look.
 * @param make what is kept meanwhile
 * @returns whether it holds less than that, for each of the sockets
 */
async function holdsLess(eachBytes: number, make: () => unknown): Promise<boolean> {
  const used = () => process.memoryUsage().arrayBuffers
  await collectGarbage()
  const before = used()
  const kept = [make()]
  let bytes = Number.POSITIVE_INFINITY
  for (let looks = 0; looks < MOST_LOOKS && bytes >= SOCKETS * eachBytes; looks++) {
    await collectGarbage()
    bytes = used() - before
  }
  kept.pop()
  return bytes < SOCKETS * eachBytes
}

test('a message that only says that it is long is given room for what came', async (t) => {
  const header = binary(Buffer.alloc(LIMIT_BYTES)).subarray(0, 14)
  const sockets = (pieces: number, pieceBytes: number) => () =>
    Array.from({ length: SOCKETS }, () => {
      const bench = createBench()
      bench.give(Buffer.from(header))
      for (let i = 0; i < pieces; i++) bench.give(Buffer.alloc(pieceBytes, 1))
      return bench
    })
  t.ok(await holdsLess(ROOM_BYTES, sockets(0, 0)), 'nothing came')
  t.ok(await holdsLess(ROOM_BYTES, sockets(3, 1_000)), 'a little came')
  t.ok(await holdsLess(2 * 90_000 + ROOM_BYTES, sockets(90, 1_000)), 'more came')
})

test('half a header does not keep all that was read with it', async (t) => {
  const whole = binary(Buffer.alloc(60_000, 1))
  const sockets = () =>
    Array.from({ length: SOCKETS }, () => {
      const bench = createBench()
      bench.give(Buffer.concat([whole, Buffer.of(0x82, 0xff)]))
      bench.messages.pop()
      return bench
    })
  t.ok(await holdsLess(ROOM_BYTES, sockets))
})

test('a message in pieces is one, and its pieces are overwritten where they were read', (t) => {
  const payload = Buffer.alloc(30_000, 'payload')
  const { messages, give } = createBench()
  const first = binary(Buffer.from('before'))
  const stream = Buffer.concat([first, binary(payload), binary(Buffer.from('after'))])
  const cuts = [0, first.length + 1, first.length + 3, 100, 5_000, 5_001, 20_000, stream.length]
  const chunks = cuts.slice(1).map((end, n) => Buffer.from(stream.subarray(cuts[n], end)))
  for (const chunk of chunks) give(chunk)
  t.same(messages.map(String), ['before', `${payload}`, 'after'])
  const last = chunks.at(-1) as Buffer
  t.ok(chunks.slice(3, -1).every(isZero), 'pieces in the middle')
  const ofPayload = stream.length - 20_000 - binary(Buffer.from('after')).length
  t.ok(isZero(last.subarray(0, ofPayload)), 'the last piece')
  t.notOk(isZero(last.subarray(ofPayload)), 'and not what follows')
  t.ok(isZero(chunks[2] as Buffer), 'what was joined with half a header')
  t.end()
})

test('what a message has outgrown is overwritten, and what is there when the socket ends', (t) => {
  const rooms = t.capture(Buffer, 'alloc', Buffer.alloc)
  const { transport, give } = createBench()
  const frame = binary(Buffer.alloc(100_000, 1))
  give(frame.subarray(0, 50))
  give(frame.subarray(50, 30_000))
  const made = rooms().flatMap((call) => ('returned' in call ? [call.returned] : []))
  const [outgrown, room] = made.slice(-2) as [Buffer, Buffer]
  t.ok(room.length > outgrown.length, 'there is more room')
  t.ok(isZero(outgrown))
  t.notOk(isZero(room))
  transport.emit('close')
  t.ok(isZero(room))
  t.end()
})

test('messages of one chunk do not overlap', (t) => {
  const texts = Array.from({ length: 40 }, (_, n) => `${n}`.repeat(n))
  const stream = Buffer.concat(texts.map((text) => binary(Buffer.from(text))))
  for (const cut of [0, 1, 500]) {
    const { messages, give } = createBench()
    give(Buffer.from(stream.subarray(0, cut)))
    give(Buffer.from(stream.subarray(cut)))
    t.same(messages.map(String), texts)
    for (const [n, message] of messages.entries()) {
      message.fill(0)
      t.same(messages.slice(n + 1).map(String), texts.slice(n + 1))
    }
  }
  t.end()
})

test('masks are undone wherever a message begins in memory, and however long it is', (t) => {
  for (let offset = 0; offset < 8; offset++) {
    for (let length = 0; length < 20; length++) {
      const payload = Buffer.alloc(length, 'abcdefghijklmnopqrstuvwxyz')
      const frame = binary(payload)
      const memory = Buffer.allocUnsafeSlow(offset + frame.length + 8).fill(0xee)
      memory.set(frame, offset)
      const { messages, give } = createBench()
      give(memory.subarray(offset, offset + frame.length))
      t.same(messages, [payload])
      t.ok(isZero(memory.subarray(offset + frame.length).map((byte) => byte ^ 0xee)), 'nothing behind it changes')
    }
  }
  t.end()
})

test('from what is no message on ws listens itself, and can stop listening', (t) => {
  const { transport, toWs, messages, listener, give } = createBench(10)
  const ping = wireFrame({ first: 0x89, payload: Buffer.from('ping'), mask: MASK })
  const pong = wireFrame({ first: 0x8a, payload: Buffer.from('pong'), mask: MASK })
  const text = wireFrame({ first: 0x81, payload: Buffer.from('text'), mask: MASK })
  const message = binary(Buffer.from('message'))
  give(Buffer.concat([message, ping, message, pong, message, text, message]))
  t.same(messages.map(String), ['message', 'message', 'message'])
  t.same(toWs, [ping, pong, Buffer.concat([text, message])])
  t.same(transport.listeners('data'), [listener])
  transport.removeListener('data', listener)
  give(message)
  t.equal(toWs.length, 3)
  t.end()
})

test('a message at the limit is taken, one beyond it is left to ws', (t) => {
  for (const length of [1, 125, 126, 65_535, 65_536]) {
    const { toWs, messages, give } = createBench(length)
    const beyond = binary(Buffer.alloc(length + 1))
    give(binary(Buffer.alloc(length)))
    t.equal(toWs.length, 0)
    give(Buffer.from(beyond))
    t.equal(messages.length, 1)
    t.same(toWs, [beyond])
  }
  t.end()
})

test('a transport that ws does not listen to alone is refused', (t) => {
  const transport = new EventEmitter() as Socket
  const make = () => new Incoming(transport, LIMIT_BYTES, () => {})
  t.throws(make, { message: 'ws does not listen to its socket as it should' })
  transport.on('data', () => {})
  transport.on('data', () => {})
  t.throws(make, { message: 'ws does not listen to its socket as it should' })
  t.equal(transport.listenerCount('data'), 2, 'and stays as it was')
  t.end()
})
