import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import * as ws from 'ws'
import { Incoming } from '../../src/ws/incoming.ts'
import { webSocketOptions } from '../../src/ws/plugin.ts'
import { wireFrame } from '../websocket/wire.ts'
import type { Parser } from './fuzz.ts'

const LIMIT_BYTES = 300
const MASK = Buffer.from('0fa0c3e1', 'hex')

/** The half of `ws` that reads; it exports this, its types do not. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable }

/** What comes out of a socket whose bytes arrive in pieces of that length. */
function seenOf(bytes: Uint8Array, pieceBytes: number, isInFront: boolean): string[] {
  const seen: string[] = []
  const see = (what: string) => (payload: Buffer) => void seen.push(`${what} ${payload.toString('hex')}`)
  const transport = new EventEmitter() as Socket
  const receiver = new Receiver({ ...webSocketOptions(LIMIT_BYTES), isServer: true })
  let isOver = false
  const stop = () => {
    isOver = true
    transport.removeListener('data', toWs)
  }
  // Past the queue of a stream, which would go on in later turns; here everything is over in one.
  const toWs = (chunk: Buffer) => {
    assert.ok(!isOver, 'nothing comes after the end')
    receiver._write(chunk, 'binary', (error) => {
      if (!error) return
      seen.push(`error ${(error as NodeJS.ErrnoException).code}`)
      stop()
    })
  }
  receiver.end = () => receiver
  receiver.on('message', (payload: Buffer, isBinary: boolean) => see(isBinary ? 'message' : 'text')(payload))
  receiver.on('ping', see('ping'))
  receiver.on('pong', see('pong'))
  receiver.on('conclude', (code: number, reason: Buffer) => {
    see(`close ${code}`)(reason)
    stop()
  })
  transport.on('data', toWs)
  if (isInFront) new Incoming(transport, LIMIT_BYTES, see('message'))
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    transport.emit('data', Buffer.from(bytes.subarray(at, at + pieceBytes)))
  }
  return seen
}

const frame = (first: number, payload: string | Buffer = '') =>
  wireFrame({ first, payload: Buffer.from(payload), mask: MASK })

/** What is taken in front of `ws`, which must be what `ws` would have made of it. [RFC6455-5] */
export const SOCKET_FRAMES: Parser = {
  name: 'frames on a socket',
  seeds: [
    Buffer.concat([frame(0x82, 'a'), frame(0x89, 'b'), frame(0x82, Buffer.alloc(200, 'c')), frame(0x8a)]),
    Buffer.concat([frame(0x82), frame(0x82, Buffer.alloc(LIMIT_BYTES)), frame(0x88, Buffer.of(3, 0xe8)), frame(0x82)]),
    Buffer.concat([frame(0x02, 'a'), frame(0x89, 'b'), frame(0x00, 'c'), frame(0x80, 'd'), frame(0x81, 'e')]),
    Buffer.concat([frame(0x89, 'a'), frame(0x82, Buffer.alloc(LIMIT_BYTES + 1))]),
    wireFrame({ first: 0x82, payload: Buffer.from('a'), mask: MASK, lengthBytes: 2 }),
    wireFrame({ first: 0x82, payload: Buffer.from('a'), mask: MASK, lengthBytes: 8 }),
    wireFrame({ first: 0x89, payload: Buffer.from('a'), mask: MASK, lengthBytes: 2 }),
    wireFrame({ first: 0x82, payload: Buffer.from('a') }),
    Buffer.from('82ffffffffffffffffff00000000', 'hex'),
  ],
  parse: (bytes) => {
    const expected = seenOf(bytes, Number.POSITIVE_INFINITY, false)
    for (const pieceBytes of [Number.POSITIVE_INFINITY, 1, 7]) {
      assert.deepEqual(seenOf(bytes, pieceBytes, true), expected, 'the same as of ws by itself')
    }
  },
  isRefusal: () => false,
}
