import { randomBytes } from 'node:crypto'
import { createMailbox, depositFrame, range } from '../conformance/client.ts'
import { OPCODE } from '../integration/raw-websocket.ts'
import { wireFrame } from './wire.ts'

/** What a client sends on a deposit socket, and what must come of it. */
export interface FrameCase {
  /** Section of RFC 6455. */
  readonly section: string
  readonly name: string
  /** Pieces as they go to the network, one after the other. */
  readonly pieces: readonly Buffer[]
  /** How many messages must be answered, since they arrived whole. */
  readonly answers?: number
  /** Payloads of the pongs that must come, in order. */
  readonly pongs?: readonly Buffer[]
  /** With which codes the relay may close. Without any the socket must stay. `empty`: without a code. */
  readonly closes?: readonly (number | 'empty')[]
}

interface FrameParts {
  readonly payload?: Buffer
  readonly opcode?: number
  readonly isLast?: boolean
  /** RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  readonly reserved?: number
  readonly isMasked?: boolean
}

const PROTOCOL_ERROR = [1002]
const TOO_LARGE = [1009]
const TEXT_REFUSED = [4400]
const LARGEST_BYTES = 64_041

/** A frame as a client sends it, masked at random unless it is said otherwise. [RFC6455-5.2] */
function frame({
  payload = Buffer.alloc(0),
  opcode = OPCODE.binary,
  isLast = true,
  reserved = 0,
  isMasked = true,
}: FrameParts) {
  const first = (isLast ? 0x80 : 0) | (reserved << 4) | opcode
  return wireFrame({ first, payload, mask: isMasked ? randomBytes(4) : undefined })
}

const { address } = createMailbox()
/** A message of that length, which is answered with an ERROR: it is no deposit of a size, but it parses. */
const message = (length = 60) =>
  depositFrame({ ref: length, ttl: 60, address, envelope: Buffer.alloc(length - 41, 'x') })
const ping = (payload: Buffer | string = '') => frame({ opcode: OPCODE.ping, payload: Buffer.from(payload) })
const close = (code: number, reason: Buffer | string = '') =>
  frame({ opcode: OPCODE.close, payload: Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason)]) })
const cutIn = (bytes: Buffer, size: number) =>
  range(0, Math.ceil(bytes.length / size)).map((n) => bytes.subarray(n * size, (n + 1) * size))
const bytewise = (bytes: Buffer) => cutIn(bytes, 1)

function fragments(payload: Buffer, count: number, opcode: number = OPCODE.binary): Buffer[] {
  const size = Math.ceil(payload.length / count)
  return range(0, count).map((index) =>
    frame({
      payload: payload.subarray(index * size, (index + 1) * size),
      opcode: index === 0 ? opcode : OPCODE.continuation,
      isLast: index === count - 1,
    }),
  )
}

type Row = Omit<FrameCase, 'section'>
const section = (name: string, rows: readonly Row[]): FrameCase[] => rows.map((row) => ({ section: name, ...row }))

const framing = section('5.2 framing', [
  ...[41, 60, 125, 126, 127, 128, 255, 256, 1_000, LARGEST_BYTES - 1, LARGEST_BYTES].map((length) => ({
    name: `a message of ${length} bytes`,
    pieces: [frame({ payload: message(length) })],
    answers: 1,
  })),
  { name: 'a message byte by byte', pieces: bytewise(frame({ payload: message(200) })), answers: 1 },
  ...[2, 8].map((lengthBytes) => ({
    name: `a message whose length is in ${lengthBytes} bytes and needs none`,
    pieces: [wireFrame({ first: 0x82, payload: message(), mask: randomBytes(4), lengthBytes })],
    answers: 1,
  })),
  ...[0, 2, 8].map((lengthBytes) => ({
    name: `a header with ${lengthBytes} bytes of length, cut at every byte`,
    pieces: range(1, lengthBytes + 7).flatMap((cut) => {
      const bytes = wireFrame({ first: 0x82, payload: message(), mask: randomBytes(4), lengthBytes })
      return [bytes.subarray(0, cut), bytes.subarray(cut)]
    }),
    answers: lengthBytes + 6,
  })),
  {
    name: 'messages in one piece, but for where each begins',
    pieces: cutIn(Buffer.concat(range(0, 10).map(() => frame({ payload: message() }))), 61),
    answers: 10,
  },
  {
    name: 'ten messages in one piece',
    pieces: [Buffer.concat(range(0, 10).map(() => frame({ payload: message() })))],
    answers: 10,
  },
  ...[LARGEST_BYTES + 1, 65_535, 65_536].map((length) => ({
    name: `a message of ${length} bytes`,
    pieces: [frame({ payload: message(length) })],
    closes: TOO_LARGE,
  })),
  {
    name: 'a length of 64 bits of which nothing follows',
    pieces: [Buffer.from('82ff7fffffffffffffff00000000', 'hex')],
    closes: TOO_LARGE,
  },
  {
    name: 'a length that is too large, of which not even a mask follows',
    pieces: [Buffer.from('82feffff', 'hex')],
    closes: TOO_LARGE,
  },
  {
    name: 'a length with its highest bit set',
    pieces: [Buffer.from('82ffffffffffffffffff00000000', 'hex')],
    closes: [1002, 1009],
  },
])

const masking = section('5.3 masking', [
  {
    name: 'a message without a mask',
    pieces: [frame({ payload: message(), isMasked: false })],
    closes: PROTOCOL_ERROR,
  },
  { name: 'a ping without a mask', pieces: [frame({ opcode: OPCODE.ping, isMasked: false })], closes: PROTOCOL_ERROR },
  {
    name: 'a close without a mask',
    pieces: [frame({ opcode: OPCODE.close, isMasked: false })],
    closes: PROTOCOL_ERROR,
  },
])

const reserved = section(
  '5.2 reserved bits',
  range(1, 8).flatMap((bits) => [
    {
      name: `bits ${bits} on a message`,
      pieces: [frame({ payload: message(), reserved: bits })],
      closes: PROTOCOL_ERROR,
    },
    {
      name: `bits ${bits} on a ping`,
      pieces: [frame({ opcode: OPCODE.ping, reserved: bits })],
      closes: PROTOCOL_ERROR,
    },
    {
      name: `bits ${bits} on a close`,
      pieces: [frame({ opcode: OPCODE.close, reserved: bits })],
      closes: PROTOCOL_ERROR,
    },
  ]),
)

const opcodes = section(
  '5.2 opcodes',
  [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf].flatMap((opcode) => [
    { name: `opcode ${opcode}, empty`, pieces: [frame({ opcode })], closes: PROTOCOL_ERROR },
    { name: `opcode ${opcode}, two bytes`, pieces: [frame({ opcode }).subarray(0, 2)], closes: PROTOCOL_ERROR },
    {
      name: `opcode ${opcode} after a message`,
      pieces: [frame({ payload: message() }), frame({ opcode, payload: message() })],
      answers: 1,
      closes: PROTOCOL_ERROR,
    },
  ]),
)

const most = Buffer.alloc(125, 0xfe)
const pings = section('5.5.2 pings and pongs', [
  { name: 'an empty ping', pieces: [ping()], pongs: [Buffer.alloc(0)] },
  { name: 'a ping with text', pieces: [ping('Hello')], pongs: [Buffer.from('Hello')] },
  {
    name: 'a ping with bytes',
    pieces: [ping(Buffer.from('00fffefdfc00ff', 'hex'))],
    pongs: [Buffer.from('00fffefdfc00ff', 'hex')],
  },
  { name: 'a ping of 125 bytes', pieces: [ping(most)], pongs: [most] },
  { name: 'a ping of 126 bytes', pieces: [ping(Buffer.alloc(126))], closes: PROTOCOL_ERROR },
  {
    name: 'a ping whose length is in 16 bits, and a message',
    pieces: [
      Buffer.concat([
        wireFrame({ first: 0x89, payload: Buffer.from('Hello'), mask: randomBytes(4), lengthBytes: 2 }),
        frame({ payload: message() }),
      ]),
    ],
    closes: PROTOCOL_ERROR,
  },
  {
    name: 'pings between messages, all in pieces',
    pieces: cutIn(
      Buffer.concat(range(0, 10).flatMap((n) => [ping(`${n}`), frame({ payload: message(4_000) })])),
      1_001,
    ),
    pongs: range(0, 10).map((n) => Buffer.from(`${n}`)),
    answers: 10,
  },
  { name: 'a ping byte by byte', pieces: bytewise(ping(most)), pongs: [most] },
  {
    name: 'a pong that nobody asked for',
    pieces: [frame({ opcode: OPCODE.pong }), frame({ payload: message() })],
    answers: 1,
  },
  {
    name: 'a pong with a payload, then a ping',
    pieces: [frame({ opcode: OPCODE.pong, payload: Buffer.from('no') }), ping('yes')],
    pongs: [Buffer.from('yes')],
  },
  {
    name: 'ten pings',
    pieces: range(0, 10).map((n) => ping(`${n}`)),
    pongs: range(0, 10).map((n) => Buffer.from(`${n}`)),
  },
  {
    name: 'a pong of 126 bytes',
    pieces: [frame({ opcode: OPCODE.pong, payload: Buffer.alloc(126) })],
    closes: PROTOCOL_ERROR,
  },
])

const continuation = (isLast = true, payload = message()) => frame({ opcode: OPCODE.continuation, isLast, payload })
const whole = message(300)
const fragmentation = section('5.4 fragmentation', [
  ...[2, 3, 10, 300].map((count) => ({ name: `${count} fragments`, pieces: fragments(whole, count), answers: 1 })),
  { name: 'fragments in one piece', pieces: [Buffer.concat(fragments(whole, 5))], answers: 1 },
  { name: 'fragments byte by byte', pieces: fragments(whole, 3).flatMap(bytewise), answers: 1 },
  {
    name: 'empty fragments around the message',
    pieces: [frame({ isLast: false }), continuation(false, whole), continuation(true, Buffer.alloc(0))],
    answers: 1,
  },
  {
    name: 'an empty first fragment and an empty last',
    pieces: [frame({ isLast: false }), continuation(true, Buffer.alloc(0))],
    closes: [4400],
  },
  {
    name: 'a ping between fragments',
    pieces: [...fragments(whole, 2).slice(0, 1), ping('in between'), ...fragments(whole, 2).slice(1)],
    pongs: [Buffer.from('in between')],
    answers: 1,
  },
  {
    name: 'pings between all fragments',
    pieces: fragments(whole, 5).flatMap((one, n) => [one, ping(`${n}`)]),
    pongs: range(0, 5).map((n) => Buffer.from(`${n}`)),
    answers: 1,
  },
  {
    name: 'a ping in fragments',
    pieces: [frame({ opcode: OPCODE.ping, isLast: false }), continuation()],
    closes: PROTOCOL_ERROR,
  },
  {
    name: 'a pong in fragments',
    pieces: [frame({ opcode: OPCODE.pong, isLast: false }), continuation()],
    closes: PROTOCOL_ERROR,
  },
  { name: 'a close in fragments', pieces: [frame({ opcode: OPCODE.close, isLast: false })], closes: PROTOCOL_ERROR },
  { name: 'a continuation of nothing', pieces: [continuation()], closes: PROTOCOL_ERROR },
  { name: 'a continuation of nothing that is not the last', pieces: [continuation(false)], closes: PROTOCOL_ERROR },
  {
    name: 'a continuation after a whole message',
    pieces: [frame({ payload: message() }), continuation()],
    answers: 1,
    closes: PROTOCOL_ERROR,
  },
  {
    name: 'a new message before the last fragment',
    pieces: [frame({ isLast: false, payload: message() }), frame({ payload: message() })],
    closes: PROTOCOL_ERROR,
  },
  {
    name: 'fragments that are too large only together',
    pieces: fragments(message(LARGEST_BYTES + 1), 4),
    closes: TOO_LARGE,
  },
  {
    name: 'fragments without end',
    pieces: [frame({ isLast: false }), Buffer.concat(Array(20_000).fill(continuation(false, Buffer.alloc(0))))],
    closes: [1008],
  },
])

// No text is ever taken, so that none has to be judged: it is refused before it is looked at. [protocol §6]
const text = section('8.1 UTF-8', [
  { name: 'text', pieces: [frame({ opcode: OPCODE.text, payload: Buffer.from('Grüße') })], closes: TEXT_REFUSED },
  {
    name: 'text that is no UTF-8',
    pieces: [frame({ opcode: OPCODE.text, payload: Buffer.of(0xc3, 0x28) })],
    closes: TEXT_REFUSED,
  },
  {
    name: 'text that is half a character',
    pieces: [frame({ opcode: OPCODE.text, payload: Buffer.of(0xe2, 0x82) })],
    closes: TEXT_REFUSED,
  },
  {
    name: 'a surrogate',
    pieces: [frame({ opcode: OPCODE.text, payload: Buffer.of(0xed, 0xa0, 0x80) })],
    closes: TEXT_REFUSED,
  },
  { name: 'no text', pieces: [frame({ opcode: OPCODE.text })], closes: TEXT_REFUSED },
  { name: 'text in fragments', pieces: fragments(Buffer.from('Grüße'), 4, OPCODE.text), closes: TEXT_REFUSED },
  { name: 'a deposit as text', pieces: [frame({ opcode: OPCODE.text, payload: message() })], closes: TEXT_REFUSED },
  {
    name: 'a message whose bytes are no UTF-8',
    pieces: [frame({ payload: Buffer.concat([message(), Buffer.of(0xc3, 0x28)]) })],
    answers: 1,
  },
])

const GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
const BAD_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
const closing = section('5.5.1 and 7 closing', [
  { name: 'a close without a code', pieces: [frame({ opcode: OPCODE.close })], closes: ['empty', 1000, 1005] },
  { name: 'half a code', pieces: [frame({ opcode: OPCODE.close, payload: Buffer.of(3) })], closes: PROTOCOL_ERROR },
  { name: 'a reason', pieces: [close(1000, 'Hello')], closes: [1000] },
  { name: 'a reason of 123 bytes', pieces: [close(1000, 'x'.repeat(123))], closes: [1000] },
  { name: 'a reason of 124 bytes', pieces: [close(1000, 'x'.repeat(124))], closes: PROTOCOL_ERROR },
  // Nobody reads it, and the connection ends either way.
  {
    name: 'a reason that is no UTF-8',
    pieces: [close(1000, Buffer.of(0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xed))],
    closes: [1000, 1007],
  },
  ...GOOD_CODES.map((code) => ({ name: `code ${code}`, pieces: [close(code)], closes: [code] })),
  ...BAD_CODES.map((code) => ({
    name: `code ${code}, which must not be sent`,
    pieces: [close(code)],
    closes: PROTOCOL_ERROR,
  })),
  { name: 'a message, then a close', pieces: [frame({ payload: message() }), close(1000)], answers: 1, closes: [1000] },
  { name: 'two closes', pieces: [close(1000), close(1001)], closes: [1000] },
  { name: 'a ping after the close', pieces: [Buffer.concat([close(1000), ping('late')])], closes: [1000] },
  {
    name: 'a message after the close',
    pieces: [Buffer.concat([close(1000), frame({ payload: message() })])],
    closes: [1000],
  },
  {
    name: 'a close between fragments',
    pieces: [...fragments(whole, 2).slice(0, 1), close(1000), ...fragments(whole, 2).slice(1)],
    closes: [1000],
  },
  {
    name: 'a broken frame after the close',
    pieces: [Buffer.concat([close(1000), frame({ opcode: 5 })])],
    closes: [1000],
  },
])

/** Cases of RFC 6455, section by section. */
export const FRAME_CASES: readonly FrameCase[] = [
  ...framing,
  ...masking,
  ...reserved,
  ...opcodes,
  ...pings,
  ...fragmentation,
  ...text,
  ...closing,
]
