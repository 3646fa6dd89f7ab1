import { brokenRequests, POST, strangeRequests } from '../integration/hostile-requests.ts'
import { CANARY } from '../integration/raw-http.ts'

/** A request that hides in the body of another, for whoever sees the end of that body too early. */
const HIDDEN = `GET /${CANARY} HTTP/1.1\r\nHost: relay\r\n\r\n`
const AFTER_CHUNKS = `0\r\n\r\n${HIDDEN}`
const length = (text: string) => `Content-Length: ${text.length}\r\n`
const GET = 'GET /v1/info HTTP/1.1\r\nHost: relay\r\n'

/** Both lengths, one of them written so that one of two parsers may not see it. */
const OBFUSCATED = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: \x00chunked',
  'Transfer-Encoding: chunked\x00',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: CHUNKED',
  'Transfer-Encoding: chunk',
  'Transfer-Encoding:',
  'Transfer_Encoding: chunked',
  'X: x\nTransfer-Encoding: chunked',
  'X: x\rTransfer-Encoding: chunked',
  ' Transfer-Encoding: chunked',
  'X: x\r\n Transfer-Encoding: chunked',
  'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
  'Connection: Content-Length\r\nTransfer-Encoding: chunked',
]

/** Chunks of which one parser may see another end. */
const CHUNKS = [
  `0x0\r\n\r\n${HIDDEN}`,
  `0 \r\n\r\n${HIDDEN}`,
  `0;\n\r\n\r\n${HIDDEN}`,
  `0;a=b\n\r\n${HIDDEN}`,
  `0\n\r\n${HIDDEN}`,
  `0\n\n${HIDDEN}`,
  `00000000000000000000\r\n\r\n${HIDDEN}`,
  `-0\r\n\r\n${HIDDEN}`,
  `1\r\nxx0\r\n\r\n${HIDDEN}`,
  `1\r\nx\n0\r\n\r\n${HIDDEN}`,
  `10000000000000000\r\n${HIDDEN}`,
  `0\r\nContent-Length: 50\r\n\r\n${HIDDEN}`,
  `0\r\nTransfer-Encoding: chunked\r\n\r\n${HIDDEN}`,
]

/** Lengths of which two parsers may make different numbers. */
const LENGTHS = ['0', '+0', '-0', '0x0', '0,', '0, 0', '0 0', ' 0', '\t0', '\x0b0', '0\x00', '٠', '', '1e1', '0_0']

/** What a front end and a relay may cut at different places. By name, bytes with a request hidden in them. */
export function smugglingShapes(): Record<string, string> {
  const both = OBFUSCATED.map((header) => `${POST}${length(AFTER_CHUNKS)}${header}\r\n\r\n${AFTER_CHUNKS}`)
  const reversed = OBFUSCATED.map((header) => `${POST}${header}\r\n${length(AFTER_CHUNKS)}\r\n${AFTER_CHUNKS}`)
  const chunks = CHUNKS.map((body) => `${POST}Transfer-Encoding: chunked\r\n\r\n${body}`)
  const lengths = LENGTHS.map((value) => `${POST}Content-Length: ${value}\r\n\r\n${HIDDEN}`)
  const twice = LENGTHS.map((value) => `${POST}Content-Length: ${value}\r\n${length(HIDDEN)}\r\n${HIDDEN}`)
  const upgrade = `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\n`
  const others = [
    `${GET}${length(HIDDEN)}\r\n${HIDDEN}`,
    `${POST}${length(HIDDEN)}Expect: 100-continue\r\n\r\n${HIDDEN}`,
    `${POST}${length(HIDDEN)}Expect: x\r\n\r\n${HIDDEN}`,
    `${POST.replace('1.1', '1.0')}${length(HIDDEN)}Connection: keep-alive\r\n\r\n${HIDDEN}`,
    `${POST}${length(HIDDEN)}Connection: close, Content-Length\r\n\r\n${HIDDEN}`,
    `${upgrade}${length(HIDDEN)}\r\n${HIDDEN}`,
    `${upgrade.replace('websocket', 'h2c')}HTTP2-Settings: AAMAAABkAAQAAP__\r\n${length(HIDDEN)}\r\n${HIDDEN}`,
    `${POST.replace('HTTP/1.1', `HTTP/1.1\r\nX: HTTP/1.1`)}${length(HIDDEN)}\r\n${HIDDEN}`,
    ...[...brokenRequests(), ...strangeRequests()].map(({ bytes }) => bytes),
  ]
  const all = [...both, ...reversed, ...chunks, ...lengths, ...twice, ...others]
  return Object.fromEntries(all.map((bytes, index) => [`shape ${index}`, bytes]))
}
