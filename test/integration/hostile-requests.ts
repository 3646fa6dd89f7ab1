import type { ErrorCode } from '../../src/protocol/errors.ts'
import { CANARY } from './raw-http.ts'

/** Bytes to send, and what must become of them. */
export interface Case {
  readonly name: string
  /** A text of which each character is a byte. */
  readonly bytes: string
  /** The relay must end the connection. */
  readonly ends?: boolean
  /** The only errors that may come; with none given any, or none at all. */
  readonly codes?: readonly ErrorCode[]
  /** The only statuses that may come, in order. */
  readonly statuses?: readonly number[]
}

/** The start of a deposit, headers not ended. */
export const POST = 'POST /v1/deposit HTTP/1.1\r\nHost: relay\r\nContent-Type: application/octet-stream\r\n'

const HOST = 'Host: relay\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const MALFORMED: readonly ErrorCode[] = ['ERR_MALFORMED']
const TOO_LARGE: readonly ErrorCode[] = ['ERR_TOO_LARGE']
const SECOND = `0\r\n\r\nGET /${CANARY} HTTP/1.1\r\n${HOST}\r\n`

function get(target: string, headers = '', version = 'HTTP/1.1'): string {
  return `GET ${target} ${version}\r\n${HOST}${headers}\r\n`
}

function refusedAndEnded(codes: readonly ErrorCode[], cases: Readonly<Record<string, string>>): Case[] {
  return Object.entries(cases).map(([name, bytes]) => ({ name, bytes, ends: true, codes }))
}

/** What must be refused, and the connection ended with it. */
export function brokenRequests(): Case[] {
  const canaries = CANARY.repeat(3_000)
  return [
    ...refusedAndEnded(MALFORMED, {
      garbage: `\0\x01\x02\xff${CANARY}\r\n\r\n`,
      'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'HTTP/2 with prior knowledge': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'a version there is not': get('/', '', 'HTTP/1.7'),
      'a version that is none': get('/', '', `HTTP/${CANARY}`),
      'a verb in small letters': get('/').replace('GET', 'get'),
      'NUL in the URL': get(`/\0${CANARY}`),
      'bytes that are no UTF-8 in the URL': get(`/\xff\xfe${CANARY}`),
      'NUL in a header': get('/', `X-A: a\0${CANARY}\r\n`),
      'a header name with a space': get('/', `X ${CANARY}: a\r\n`),
      'a folded header': get('/', `X-A: a\r\n ${CANARY}\r\n`),
      'a header without a colon': get('/', `${CANARY}\r\n`),
      'lines that end in LF': get(`/${CANARY}`).replaceAll('\r\n', '\n'),
      'lines that end in CR': get(`/${CANARY}`).replaceAll('\r\n', '\r'),
    }),
    ...refusedAndEnded(MALFORMED, {
      'two lengths': `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\n${CANARY}`,
      'one length twice': `${POST}Content-Length: 6\r\nContent-Length: 6\r\n\r\n${CANARY}`,
      'a list of lengths': `${POST}Content-Length: 6, 6\r\n\r\n${CANARY}`,
      'a negative length': `${POST}Content-Length: -1\r\n\r\n${CANARY}`,
      'a length with a sign': `${POST}Content-Length: +6\r\n\r\n${CANARY}`,
      'a length that is none': `${POST}Content-Length: ${CANARY}\r\n\r\n`,
      'a length beyond 64 bits': `${POST}Content-Length: ${'9'.repeat(40)}\r\n\r\n`,
      'length and chunks': `${POST}Content-Length: 6\r\n${CHUNKED}\r\n${SECOND}`,
      'chunks and length': `${POST}${CHUNKED}Content-Length: 6\r\n\r\n${SECOND}`,
      'chunked twice': `${POST}${CHUNKED}${CHUNKED}\r\n${SECOND}`,
      'chunked and then something else': `${POST}Transfer-Encoding: chunked, ${CANARY}\r\n\r\n${SECOND}`,
      'an encoding that is not chunked': `${POST}Transfer-Encoding: x${CANARY}\r\n\r\n${SECOND}`,
      'an encoding that is none': `${POST}Transfer-Encoding: identity\r\n\r\n${SECOND}`,
      'a space before the colon': `${POST}Transfer-Encoding : chunked\r\n\r\n${SECOND}`,
      'a vertical tab before chunked': `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n${SECOND}`,
      'a chunk size that is none': `${POST}${CHUNKED}\r\n${CANARY}\r\n\r\n`,
      'a chunk size with a sign': `${POST}${CHUNKED}\r\n-1\r\n${CANARY}`,
      'a chunk size beyond 64 bits': `${POST}${CHUNKED}\r\n${'F'.repeat(17)}\r\n${CANARY}`,
      'a chunk longer than its size': `${POST}${CHUNKED}\r\n1\r\n${CANARY}\r\n0\r\n\r\n`,
      'huge chunk extensions': `${POST}${CHUNKED}\r\n1;${canaries}\r\nx\r\n0\r\n\r\n`,
    }),
    ...refusedAndEnded(TOO_LARGE, {
      'a long URL': get(`/${canaries}`),
      'a long header': get('/', `X-A: ${canaries}\r\n`),
      'a long header name': get('/', `${canaries}: a\r\n`),
      'thousands of headers': get('/', `X-${CANARY}: ${CANARY}\r\n`.repeat(3_000)),
      'long trailers': `${POST}${CHUNKED}\r\n1\r\nx\r\n0\r\nX-T: ${canaries}\r\n\r\n`,
      'a length beyond everything': `${POST}Content-Length: 9999999999\r\n\r\n${CANARY}`,
    }),
    { name: 'CONNECT', bytes: `CONNECT ${CANARY}:443 HTTP/1.1\r\n${HOST}\r\n`, ends: true, statuses: [] },
  ]
}

/** What HTTP allows, or nearly: it may be answered, but nothing of it may come back. */
export function strangeRequests(): Case[] {
  const ok = { statuses: [200] }
  const notFound: Pick<Case, 'codes'> = { codes: ['ERR_NOT_FOUND'] }
  const malformed: Pick<Case, 'codes'> = { codes: MALFORMED }
  const empty = `Content-Length: 0\r\n\r\n`
  return [
    { name: 'no Host', bytes: 'GET /v1/info HTTP/1.1\r\n\r\n', ...malformed },
    { name: 'two Hosts', bytes: get('/v1/info', `host: ${CANARY}\r\n`), ...malformed },
    { name: 'HTTP/1.0', bytes: 'GET /v1/info HTTP/1.0\r\n\r\n', ends: true, ...ok },
    { name: 'chunks in HTTP/1.0', bytes: `${POST.replace('1.1', '1.0')}${CHUNKED}\r\n${SECOND}`, ends: true },
    { name: 'the absolute form', bytes: get(`http://${CANARY}.example/v1/info`), ...ok },
    { name: 'the absolute form of nothing', bytes: get(`http://relay/${CANARY}`), ...notFound },
    { name: 'another scheme', bytes: get(`${CANARY}://relay/`) },
    { name: 'an asterisk', bytes: get('*') },
    { name: 'an asterisk for OPTIONS', bytes: `OPTIONS * HTTP/1.1\r\n${HOST}X-A: ${CANARY}\r\n\r\n` },
    { name: 'an authority', bytes: get(`${CANARY}:443`) },
    { name: 'two slashes', bytes: get(`//${CANARY}/v1/info`), ...notFound },
    { name: 'dots', bytes: get(`/v1/../${CANARY}/../v1/info`), ...notFound },
    { name: 'a semicolon', bytes: get(`/v1/info;${CANARY}`), ...notFound },
    { name: 'a slash at the end', bytes: get('/v1/info/'), ...notFound },
    { name: 'capitals', bytes: get('/V1/INFO'), ...notFound },
    { name: 'an escaped slash', bytes: get('/v1%2finfo'), ...notFound },
    { name: 'an escape that is none', bytes: get(`/%zz${CANARY}`), ...notFound },
    { name: 'an escaped NUL', bytes: get(`/%00${CANARY}`), ...notFound },
    { name: 'escapes that are no UTF-8', bytes: get(`/%c3%28${CANARY}`), ...notFound },
    { name: 'a query', bytes: get(`/v1/info?${CANARY}=%zz`), ...ok },
    {
      name: 'bytes that are no UTF-8 in a header',
      bytes: get(`/${CANARY}`, `X-A: \xff\xfe${CANARY}\r\n`),
      ...notFound,
    },
    { name: 'thousands of short headers', bytes: get(`/${CANARY}`, 'a:\r\n'.repeat(3_500)), ...notFound },
    { name: 'the prototype as a header', bytes: get('/v1/info', '__proto__: a\r\nconstructor: b\r\n'), ...ok },
    { name: 'an expectation', bytes: `${POST}Expect: ${CANARY}\r\n${empty}`, ...malformed },
    { name: 'a body for GET', bytes: `${get('/v1/info', 'Content-Length: 9\r\n')}${CANARY}`, ...ok },
    { name: 'a media type', bytes: `${POST.replace('octet-stream', CANARY)}${empty}`, codes: ['ERR_MEDIA_TYPE'] },
    { name: 'a TTL', bytes: `${POST}TTL: ${CANARY}\r\n${empty}`, ...malformed },
    { name: 'two TTLs', bytes: `${POST}TTL: 60\r\nTTL: 60\r\n${empty}`, ...malformed },
    { name: 'trailers', bytes: `${POST}${CHUNKED}\r\n1\r\nx\r\n0\r\nX-T: ${CANARY}\r\n\r\n`, ...malformed },
    { name: 'a tab before chunked', bytes: `${POST}Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n`, ...malformed },
    { name: 'gzip and chunked', bytes: `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, ...malformed },
  ]
}

const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Protocol': 'lethe.v1',
}

/** Headers that differ from a good handshake, and the name of the difference. */
const BROKEN_HANDSHAKES: Readonly<Record<string, Readonly<Record<string, string | undefined>>>> = {
  h2c: { Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': CANARY },
  'an unknown protocol': { Upgrade: CANARY },
  'two protocols': { Upgrade: `${CANARY}, websocket` },
  'TLS within HTTP': { Upgrade: 'TLS/1.0' },
  'no key': { 'Sec-WebSocket-Key': undefined },
  'a key that is none': { 'Sec-WebSocket-Key': CANARY },
  'a key too long': { 'Sec-WebSocket-Key': `${'A'.repeat(23)}=` },
  'no version': { 'Sec-WebSocket-Version': undefined },
  'version 12': { 'Sec-WebSocket-Version': '12' },
  'a version that is none': { 'Sec-WebSocket-Version': CANARY },
}

/** Wrong only where there is a socket at all. */
const BROKEN_OFFERS: typeof BROKEN_HANDSHAKES = {
  'no subprotocol': { 'Sec-WebSocket-Protocol': undefined },
  'another subprotocol': { 'Sec-WebSocket-Protocol': CANARY },
  'a subprotocol twice': { 'Sec-WebSocket-Protocol': 'lethe.v1, lethe.v1' },
  'a subprotocol that is no token': { 'Sec-WebSocket-Protocol': `lethe.v1, @;${CANARY}` },
  'an empty subprotocol': { 'Sec-WebSocket-Protocol': 'lethe.v1,,' },
}

function handshake(path: string, changes: Readonly<Record<string, string | undefined>>, line = 'GET %s HTTP/1.1') {
  const headers = Object.entries({ ...HANDSHAKE, ...changes })
  const lines = headers.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return [line.replace('%s', path), 'Host: relay', `X-A: ${CANARY}`, ...lines, '', ''].join('\r\n')
}

/** Requests for another protocol on each of the paths, all of which must be refused. */
export function upgrades(paths: readonly string[]): Case[] {
  const length = { 'Content-Type': 'application/octet-stream', 'Content-Length': '9' }
  return paths.flatMap((path) => {
    const isSocket = path === '/v1/deposit' || path === '/v1/mailbox'
    const refused = (name: string, bytes: string, codes = MALFORMED): Case => {
      return { name: `${name} on ${path}`, bytes, ends: true, codes }
    }
    const broken = Object.entries({ ...BROKEN_HANDSHAKES, ...(isSocket ? BROKEN_OFFERS : {}) })
    return [
      ...broken.map(([name, changes]) => refused(name, handshake(path, changes))),
      refused('POST', handshake(path, length, 'POST %s HTTP/1.1') + CANARY),
      refused('HTTP/1.0', handshake(path, {}, 'GET %s HTTP/1.0')),
      ...(isSocket ? [] : [refused('a good handshake', handshake(path, {}), ['ERR_NOT_FOUND'])]),
    ]
  })
}
