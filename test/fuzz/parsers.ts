import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ClientError, UnexpectedAnswerError } from '../../src/client/errors.ts'
import { readInfo } from '../../src/client/info.ts'
import { createMailbox, exportMailbox, loadMailbox, readAddress } from '../../src/client/mailbox.ts'
import { pad, unpad } from '../../src/client/padding.ts'
import { parseRelayUrl } from '../../src/client/relay-url.ts'
import { parseOrigins } from '../../src/config/origins.ts'
import { parseStoreSecret, parseStoreSecrets } from '../../src/config/store-secrets.ts'
import { parseStoreTarget } from '../../src/config/store-target.ts'
import { InvalidValueError, parseHost, parseSizes, parseText, parseWholeNumber } from '../../src/config/values.ts'
import { FrameParser } from '../../src/load/frame-parser.ts'
import { ProfileError, parseProfile } from '../../src/load/profile.ts'
import { parseSlo, SloError } from '../../src/load/slo.ts'
import { bucketsOf, deriveQueue, EnvelopeIds, openEnvelope, sealEnvelope } from '../../src/mailbox/sealing.ts'
import { MalformedError, parseBase64url, toBase64url } from '../../src/protocol/bytes.ts'
import {
  encodeDepositAnswer,
  encodeDepositFrame,
  parseDepositAnswer,
  parseDepositFrame,
} from '../../src/protocol/deposit-frames.ts'
import {
  encodeMailboxReply,
  encodeMailboxRequest,
  parseMailboxReply,
  parseMailboxRequest,
} from '../../src/protocol/mailbox-frames.ts'
import { readTtl } from '../../src/protocol/retention.ts'
import {
  encodeAckRequest,
  encodeFetchRequest,
  parseAckRequest,
  parseFetchAnswer,
  parseFetchRequest,
} from '../../src/protocol/signed-requests.ts'
import { dispatchMessage } from '../../src/store/redis/announcements.ts'
import { parseInfo } from '../../src/store/redis/node-settings.ts'
import { masterOf, replicasOf } from '../../src/store/redis/topology.ts'
import { handshakeProblem } from '../../src/ws/handshake.ts'
import type { Parser } from './fuzz.ts'
import { SOCKET_FRAMES } from './socket-frames.ts'

const SIZES = [4_000, 64_000]
const utf8 = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')
const seed = (text: string): Uint8Array => Buffer.from(text, 'utf8')
const malformed = (error: unknown) => error instanceof MalformedError
const invalid = (error: unknown) => error instanceof InvalidValueError
const clientError = (error: unknown) => error instanceof ClientError
const never = () => false

/** A parser of bytes that an encoder can make again: what was taken must come back as it was. */
function codec<T>(
  name: string,
  parse: (bytes: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
  seeds: Uint8Array[],
) {
  const repeat = (bytes: Uint8Array) => assert.deepEqual(new Uint8Array(encode(parse(bytes))), new Uint8Array(bytes))
  return { name, seeds, parse: repeat, isRefusal: malformed }
}

/** A parser of text. */
function text(name: string, parse: (text: string) => unknown, isRefusal: Parser['isRefusal'], seeds: string[]): Parser {
  return { name, seeds: seeds.map(seed), parse: (bytes) => void parse(utf8(bytes)), isRefusal }
}

/** The same in every run, so that the inputs that were kept mean the same. */
const fixed = (length: number, name: string) => createHash('sha512').update(name).digest().subarray(0, length)

const id = fixed(16, 'id')
const key = fixed(32, 'key')
const signature = fixed(64, 'signature')
const time = { publicKey: key, timeSeconds: 1_800_000_000 }

const FRAMES: readonly Parser[] = [
  codec('mailbox request', parseMailboxRequest, encodeMailboxRequest, [
    encodeMailboxRequest({ kind: 'open', channel: 1, publicKey: key, signature }),
    encodeMailboxRequest({ kind: 'ack', channel: 2, ids: Buffer.concat([id, id]) }),
    encodeMailboxRequest({ kind: 'close', channel: 3 }),
  ]),
  codec('mailbox reply', parseMailboxReply, encodeMailboxReply, [
    encodeMailboxReply({ kind: 'hello', nonce: key }),
    encodeMailboxReply({ kind: 'opened', channel: 1 }),
    encodeMailboxReply({ kind: 'envelope', channel: 1, id, envelope: signature }),
    encodeMailboxReply({ kind: 'error', channel: 1, number: 5 }),
  ]),
  codec('deposit frame', parseDepositFrame, encodeDepositFrame, [
    encodeDepositFrame({ ref: 1, ttlSeconds: 600, address: key, envelope: signature }),
  ]),
  codec('deposit answer', parseDepositAnswer, encodeDepositAnswer, [
    encodeDepositAnswer({ kind: 'accepted', ref: 1 }),
    encodeDepositAnswer({ kind: 'error', ref: 1, number: 7 }),
  ]),
  codec(
    'fetch request',
    (bytes) => parseFetchRequest(bytes, SIZES),
    // A time that no number holds is judged stale and never encoded.
    ({ request, covered, signature }) => {
      if (Number.isSafeInteger(request.timeSeconds))
        assert.deepEqual(new Uint8Array(encodeFetchRequest(request)), new Uint8Array(covered))
      return Buffer.concat([covered, signature])
    },
    [Buffer.concat([encodeFetchRequest({ ...time, sizeIndex: 0, waitSeconds: 30, slots: 16 }), signature])],
  ),
  codec(
    'ack request',
    parseAckRequest,
    ({ request, covered, signature }) => {
      if (Number.isSafeInteger(request.timeSeconds))
        assert.deepEqual(new Uint8Array(encodeAckRequest(request)), new Uint8Array(covered))
      return Buffer.concat([covered, signature])
    },
    [Buffer.concat([encodeAckRequest({ ...time, ids: id }), signature])],
  ),
  {
    name: 'fetch answer',
    seeds: [Buffer.alloc(1 + 2 * (16 + 8)), Buffer.concat([Buffer.of(3), id, Buffer.alloc(8), id, Buffer.alloc(8)])],
    parse: (bytes) => assert.ok(parseFetchAnswer(bytes, 2, 8).envelopes.length <= 2),
    isRefusal: malformed,
  },
]

const queue = deriveQueue(key, fixed(32, 'address'))
const [bucket] = bucketsOf(queue, SIZES.length, 1_800_000_000)
const sealed = bucket ? Buffer.concat(sealEnvelope(queue, bucket, fixed(12, 'nonce'), signature)) : Buffer.alloc(0)
const ids = new EnvelopeIds(queue)

/** What comes from Redis, which somebody else may have written to. */
const STORED: readonly Parser[] = [
  {
    name: 'wake-up message',
    seeds: [
      Buffer.concat([Buffer.of(1), id, Buffer.of(0, 3), Buffer.alloc(4, 0x6b)]),
      Buffer.concat([Buffer.of(2), id, id.subarray(8)]),
      Buffer.concat([Buffer.of(3), id, id.subarray(8)]),
    ],
    parse: (bytes) =>
      dispatchMessage(Buffer.from(bytes), {
        wake: (wakeKey) => assert.equal(wakeKey.length, 16),
        announced: (wakeKey, _kind, session) => assert.equal(wakeKey.length + session.length, 24),
        up: () => assert.fail(),
        down: () => assert.fail(),
        replaced: () => assert.fail(),
      }),
    isRefusal: never,
  },
  {
    name: 'sealed envelope',
    seeds: [sealed, Buffer.alloc(28)],
    parse: (bytes) => {
      const opened = bucket && openEnvelope(queue, bucket, bytes, 19)
      assert.equal(opened !== undefined, sealed.equals(bytes), 'nothing but what was sealed is opened')
    },
    isRefusal: never,
  },
  {
    name: 'envelope ids',
    seeds: [ids.encode({ sizeIndex: 1, classIndex: 4, expiresAt: 1_800_000_000, seq: 2 ** 50 })],
    parse: (bytes) => {
      const whole = bytes.subarray(0, bytes.length - (bytes.length % 16))
      for (const [index, name] of ids.decode(whole, SIZES.length).entries()) {
        if (name) assert.deepEqual(ids.encode(name), Buffer.from(whole.subarray(16 * index, 16 * index + 16)))
      }
    },
    isRefusal: never,
  },
  text('info of a node', (info) => [...replicasOf(parseInfo(info)), ...masterOf(parseInfo(info))], never, [
    'redis_version:7.0.15\r\nslave0:ip=10.0.0.1,port=6379,state=online\r\nmaster_host:a\r\nmaster_port:1\r\n',
  ]),
]

const TEXTS: readonly Parser[] = [
  text('base64url', (given) => assert.equal(toBase64url(parseBase64url(given)), given), malformed, [
    '',
    'AA',
    'AAA',
    'AAAA',
    '_OU0hMX8nix9tn7UffPy36IzWU14O24BFeG5nStbajM',
  ]),
  text('address', readAddress, clientError, ['ddB-dcJJ51viDVI7fBCuIjaljSUxLx1N7SJ-v3QFWeI']),
  text(
    'TTL',
    (given) => {
      const seconds = readTtl(given)
      assert.equal(seconds !== undefined, /^[0-9]+$/.test(given))
      if (seconds !== undefined) assert.equal(seconds, Math.min(Number(given), 2 ** 32 - 1))
    },
    never,
    ['0', '60', '604800', '4294967296', '00000000000000000000001'],
  ),
  text('origins', parseOrigins, invalid, ['https://relay.example', 'http://[::1]:8080,https://a.example:444']),
  text('store target', parseStoreTarget, invalid, [
    'redis://user:password@host:6379/1',
    'rediss+sentinel://a:1,b:2/master',
    'redis+cluster://[::1]:7000,b',
  ]),
  text('store secret', parseStoreSecret, invalid, [toBase64url(key)]),
  text('store secrets', parseStoreSecrets, invalid, [`${toBase64url(key)},\n${toBase64url(signature)}`]),
  text('sizes', (given) => parseSizes(given, 1_000_000), invalid, ['4000,64000', '1,2,3,4,5,6,7,8']),
  text('whole number', (given) => parseWholeNumber(given, 1, 1_000), invalid, ['1', '1000', '0']),
  text('host', parseHost, invalid, ['127.0.0.1', '::1', 'relay.example']),
  text('text', parseText, invalid, ['Somebody', '']),
  text('relay URL', parseRelayUrl, clientError, ['https://relay.example', 'ws://127.0.0.1:8080/', 'wss://[::1]']),
  text('slo', parseSlo, (error) => error instanceof SloError, ['p99=50ms,loss=0', 'accept-p99.9=1.5s,rate=100']),
  text(
    'profile',
    (given) => parseProfile(given, 'it'),
    (error) => error instanceof ProfileError,
    [
      '{"about":"a","slo":"p99=1s","rate":100,"sizes":[1],"departures":[{"atSeconds":1,"share":1,"awaySeconds":1,"who":"senders"}]}',
      '{"__proto__":{"rate":1},"about":"a"}',
    ],
  ),
  text('mailbox file', loadMailbox, clientError, [exportMailbox(createMailbox())]),
]

const PATHS = new Set(['/v1/deposit'])

const OTHERS: readonly Parser[] = [
  {
    name: 'padding',
    seeds: [pad(Buffer.from('hello'), [64])],
    parse: (bytes) => assert.deepEqual(pad(unpad(bytes), [bytes.length]), Uint8Array.from(bytes)),
    isRefusal: clientError,
  },
  {
    name: 'relay info',
    seeds: [
      seed(
        '{"protocol":"lethe.v1","publicOrigins":["https://a"],"envelopeBytes":[4000],"ttlClasses":[60],' +
          '"defaultTtl":60,"maxTtl":60,"window":1}',
      ),
      seed('{"__proto__":{"protocol":"lethe.v1"}}'),
    ],
    parse: (bytes) => void readInfo(bytes),
    isRefusal: (error) => error instanceof UnexpectedAnswerError,
  },
  text(
    'offered subprotocols',
    (offered) => {
      const headers = {
        upgrade: 'websocket',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        'sec-websocket-version': '13',
        'sec-websocket-protocol': offered,
      }
      const raw = { httpVersion: '1.1' }
      const request = { method: 'GET', headers, raw, routeOptions: { url: '/v1/deposit' } }
      const problem = handshakeProblem(request as unknown as Parameters<typeof handshakeProblem>[0], PATHS)
      if (problem === undefined) assert.ok(offered.includes('lethe.v1'))
    },
    never,
    ['lethe.v1', 'mqtt, lethe.v1', 'lethe.v1,lethe.v1', '@'],
  ),
  {
    name: 'frames for the load tester',
    seeds: [Buffer.of(0x82, 3, 0x82, 0, 1), Buffer.of(0x02, 1, 1, 0x80, 1, 2, 0x89, 0, 0x88, 2, 3, 0xe8)],
    parse: (bytes) => {
      const whole: string[] = []
      const pieces: string[] = []
      const into = (list: string[]) => ({
        onMessage: (payload: Buffer) => void list.push(payload.toString('hex')),
        onPing: (payload: Buffer) => void list.push(`ping ${payload.toString('hex')}`),
        onClose: (code: number) => void list.push(`close ${code}`),
      })
      new FrameParser(into(whole)).push(Buffer.from(bytes))
      const piecewise = new FrameParser(into(pieces))
      for (const byte of bytes) piecewise.push(Buffer.of(byte))
      assert.deepEqual(pieces, whole, 'the same frames however the bytes are cut')
    },
    isRefusal: never,
  },
]

/** Every parser that is given bytes from outside. */
export const PARSERS: readonly Parser[] = [...FRAMES, ...STORED, ...TEXTS, ...OTHERS, SOCKET_FRAMES]
