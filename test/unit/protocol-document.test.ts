import { createHash, createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { bucketOf, deriveQueue } from '../../src/mailbox/sealing.ts'
import { addressPreimage } from '../../src/protocol/address.ts'
import { encodeDepositAnswer, encodeDepositFrame } from '../../src/protocol/deposit-frames.ts'
import { DEFAULT_ENVELOPE_BYTES } from '../../src/protocol/envelope.ts'
import { CLOSE, ERRORS, RETRY_AFTER_SECONDS } from '../../src/protocol/errors.ts'
import { encodeMailboxReply, encodeMailboxRequest, openPreimage } from '../../src/protocol/mailbox-frames.ts'
import { DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS, slotSeconds, TTL_CLASSES } from '../../src/protocol/retention.ts'
import {
  MAX_FETCH_BYTES,
  MAX_FETCH_SLOTS,
  MAX_FETCH_WAIT_SECONDS,
  SIGNED_TIME_TOLERANCE_SECONDS,
  signedPreimage,
} from '../../src/protocol/signed-requests.ts'
import { SUBPROTOCOL } from '../../src/protocol/subprotocol.ts'
import { test } from '../_util/tap.ts'

const text = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
const words = text.replace(/\s+/g, ' ')

/** Rows of the one table that has this header, without back-quotes. */
function table(header: string): string[][] {
  const lines = text.split('\n')
  const found = lines.flatMap((line, i) => (line === `| ${header} |` ? [i] : []))
  if (found.length !== 1) throw new Error(`${found.length} tables are headed ${header}`)
  const rows = lines.slice((found[0] as number) + 2)
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.replaceAll('`', '')),
    )
}

/** All frames of both sockets: name, sender, layout. */
const frames = text
  .split('\n')
  .map((line) => /^\| ([A-Z]+) \| (client|relay) \| `(0x[0-9A-F]{2})([^`]*)` \|$/.exec(line))
  .filter((match) => match !== null)
  .map(([, name, from, type, rest]) => ({ name, from, type: Number(type), bytes: lengthOf(rest as string) }))

/** Bytes of a layout after its type; what may have any length counts as nothing. */
function lengthOf(layout: string): number {
  const widths = [...layout.matchAll(/ (?:u(\d+)|\w+\[(\d+)\])(?= |$)/g)]
  return widths.reduce((sum, [, bits, bytes]) => sum + (bits ? Number(bits) / 8 : Number(bytes)), 1)
}

test('[protocol §6] docs/protocol.md has the errors of the registry, each said when', async (t) => {
  const rows = table('number | code | HTTP | when')
  const registered = Object.entries(ERRORS).map(([code, { number, status }]) => [String(number), code, String(status)])
  t.same(
    rows.map((row) => row.slice(0, 3)),
    registered,
  )
  for (const [, code, , when = ''] of rows) t.ok(when.length > 10, `${code} says when`)
})

test('[protocol §6] the codes with Retry-After, and its values', async (t) => {
  const registered = Object.entries(RETRY_AFTER_SECONDS).map(([code, seconds]) => [code, String(seconds)])
  t.same(table('code | Retry-After, seconds').sort(), registered.sort())
})

test('[protocol §6] the example of an error is one', async (t) => {
  const [, json = ''] = /```json\n(.+)\n```/.exec(text) ?? []
  const { status, title } = ERRORS.ERR_ENVELOPE_SIZE
  t.same(JSON.parse(json), { type: 'about:blank', title, status, code: 'ERR_ENVELOPE_SIZE' })
})

test('[protocol §6] the close codes', async (t) => {
  const rows = table('code | the relay closes because | the client')
  t.same(rows.map(([code]) => Number(code)).sort(), Object.values(CLOSE).sort())
})

test('[protocol §3] the classes, their slots, and the lifetimes that nobody has to configure', async (t) => {
  const rows = TTL_CLASSES.map((seconds, classIndex) => [classIndex, seconds, slotSeconds(classIndex)].map(String))
  t.same(table('classIndex | class, seconds | slot, seconds'), rows)
  t.ok(
    words.includes(
      `\`maxTtl\` is ${MAX_TTL_SECONDS} and an HTTP deposit that asks for nothing gets ${DEFAULT_TTL_SECONDS}`,
    ),
  )
})

test('[protocol §1] [protocol §5] the labels are those that are hashed and signed', async (t) => {
  const [address, open, fetch, ack, queue, bucket, wake] = table('label | begins the input of').map(([label]) =>
    Buffer.from(`${label}\0`),
  ) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]
  const [a, b] = [randomBytes(32), randomBytes(32)]
  t.same(Buffer.from(addressPreimage(a)), Buffer.concat([address, a]))
  t.same(Buffer.from(openPreimage(a, b)), Buffer.concat([open, a, b]))
  t.same(Buffer.from(signedPreimage('fetch', a, b)), Buffer.concat([fetch, a, b]))
  t.same(Buffer.from(signedPreimage('ack', a, b)), Buffer.concat([ack, a, b]))
  const derived = deriveQueue(a, b)
  const { queueId, sealKey, idKey, wakeTag } = derived
  const k = createHmac('sha512', a).update(queue).update(b).digest()
  t.same(k, Buffer.concat([queueId, sealKey, idKey]))
  const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest().subarray(0, 16)
  t.same(wakeTag, sha256(wake, queueId))
  t.same(bucketOf(derived, 1, 2, 0x03040506).tag, sha256(bucket, queueId, Buffer.of(1, 2, 3, 4, 5, 6)))
  const used = new Set(text.match(/"lethe\/v1 [a-z]+"/g))
  t.equal(used.size, 7, 'each label is shown where it is used')
})

test('[protocol §4] [protocol §5] the types and lengths of the frames', async (t) => {
  const [channel, ref, number] = [1, 2, 3]
  const [publicKey, address, nonce] = [randomBytes(32), randomBytes(32), randomBytes(32)]
  const none = new Uint8Array()
  const id = randomBytes(16)
  const made: [string, string, Uint8Array][] = [
    ['DEPOSIT', 'client', encodeDepositFrame({ ref, ttlSeconds: 0, address, envelope: none })],
    ['ACCEPTED', 'relay', encodeDepositAnswer({ kind: 'accepted', ref })],
    ['ERROR', 'relay', encodeDepositAnswer({ kind: 'error', ref, number })],
    ['HELLO', 'relay', encodeMailboxReply({ kind: 'hello', nonce })],
    ['OPEN', 'client', encodeMailboxRequest({ kind: 'open', channel, publicKey, signature: randomBytes(64) })],
    ['OPENED', 'relay', encodeMailboxReply({ kind: 'opened', channel })],
    ['ENVELOPE', 'relay', encodeMailboxReply({ kind: 'envelope', channel, id, envelope: none })],
    ['ACK', 'client', encodeMailboxRequest({ kind: 'ack', channel, ids: id })],
    ['DRAINED', 'relay', encodeMailboxReply({ kind: 'drained', channel })],
    ['CLOSE', 'client', encodeMailboxRequest({ kind: 'close', channel })],
    ['DISPLACED', 'relay', encodeMailboxReply({ kind: 'displaced', channel })],
    ['ERROR', 'relay', encodeMailboxReply({ kind: 'error', channel, number })],
  ]
  t.same(
    frames,
    made.map(([name, from, frame]) => ({ name, from, type: frame[0], bytes: frame.length })),
  )
})

test('[protocol §2] [protocol §5] the numbers in its sentences', async (t) => {
  const numbered = (value: number) => value.toLocaleString('en-US')
  const [small, large] = DEFAULT_ENVELOPE_BYTES.map(numbered)
  t.ok(words.includes(`${small} and ${large} bytes unless`))
  t.ok(words.includes(`within ${SIGNED_TIME_TOLERANCE_SECONDS} seconds of the store's clock`))
  t.ok(words.includes(`1 to ${MAX_FETCH_SLOTS} slots, which together hold at most ${numbered(MAX_FETCH_BYTES)} bytes`))
  t.ok(words.includes(`\`wait\` of 1 to ${MAX_FETCH_WAIT_SECONDS} makes it a long poll`))
  t.ok(words.includes(`subprotocol \`${SUBPROTOCOL}\``))
})
