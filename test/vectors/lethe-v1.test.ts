import { createPrivateKey, hash, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { addressOf, OriginProofs } from '../../src/mailbox/proof.ts'
import { bucketOf, deriveQueue, EnvelopeIds, openEnvelope, sealEnvelope } from '../../src/mailbox/sealing.ts'
import { parseAddress } from '../../src/protocol/address.ts'
import { toBase64url } from '../../src/protocol/bytes.ts'
import {
  encodeDepositAnswer,
  encodeDepositFrame,
  parseDepositAnswer,
  parseDepositFrame,
} from '../../src/protocol/deposit-frames.ts'
import {
  encodeMailboxReply,
  encodeMailboxRequest,
  type MailboxReply,
  openPreimage,
  parseMailboxReply,
  parseMailboxRequest,
} from '../../src/protocol/mailbox-frames.ts'
import { classSeconds, expiryOf, grantClass } from '../../src/protocol/retention.ts'
import {
  encodeAckRequest,
  encodeFetchRequest,
  parseAckRequest,
  parseFetchRequest,
  signedPreimage,
} from '../../src/protocol/signed-requests.ts'
import { bucketKey } from '../../src/store/redis/keys.ts'
import { type Test, test } from '../_util/tap.ts'

interface Key {
  privateSeed: string
  publicKey: string
}

interface FrameCase {
  endpoint: 'deposit' | 'mailbox'
  name: string
  invalid?: true
  fields: Record<string, string> & { ref: number; ttl: number; channel: number; code: number; ids: string[] }
  bytes: string
}

type Text<K extends string> = Record<K, string>
type Amount<K extends string> = Record<K, number>

interface Cases {
  address: (Key & Text<'address' | 'addressText'>)[]
  storage: (Text<'storeSecret' | 'address' | 'queueId' | 'sealKey' | 'idKey' | 'bucketTag' | 'key' | 'wakeTag'> &
    Text<'envelopeId' | 'nonce' | 'envelope' | 'sealed'> &
    Amount<'partition' | 'sizeIndex' | 'classIndex' | 'expiresAt' | 'seq'>)[]
  expiry: Amount<'now' | 'ttl' | 'maxTtl' | 'class' | 'expiresAt'>[]
  open: (Key & Text<'origin' | 'nonce' | 'signature'>)[]
  fetch: (Key & Text<'origin' | 'body'>)[]
  ack: (Key & Text<'origin' | 'body'>)[]
  frames: FrameCase[]
}

const file = new URL('../../../test/vectors/lethe_v1.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Cases }
const keys = new Map(cases.address.map(({ privateSeed, publicKey }) => [privateSeed, bytes(publicKey)]))
const ENVELOPE_BYTES = [4000, 64_000]

function bytes(hex: string | undefined): Buffer {
  return Buffer.from(hex ?? '', 'hex')
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

// DER of a PKCS #8 Ed25519 key, up to the 32 bytes of the seed. [RFC8410-7]
const PKCS8_PREFIX = bytes('302e020100300506032b657004220420')

function signed(privateSeed: string, preimage: Uint8Array): string {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes(privateSeed)]), format: 'der', type: 'pkcs8' })
  return hex(sign(null, preimage, key))
}

test('the file has cases of every kind', async (t) => {
  t.same(
    Object.entries(cases).map(([kind, list]) => [kind, list.length > 0]),
    ['address', 'storage', 'expiry', 'open', 'fetch', 'ack', 'frames'].map((kind) => [kind, true]),
  )
})

for (const { publicKey, address, addressText } of cases.address) {
  test(`[protocol §1] address ${addressText}`, async (t) => {
    t.equal(hex(addressOf(bytes(publicKey))), address)
    t.equal(toBase64url(bytes(address)), addressText)
    t.equal(hex(parseAddress(addressText)), address)
  })
}

for (const vector of cases.storage) {
  test(`[protocol §1, §2, §8] storage for ${vector.key}`, async (t) => {
    const queue = deriveQueue(bytes(vector.storeSecret), bytes(vector.address))
    t.equal(hex(queue.queueId), vector.queueId)
    t.equal(hex(queue.sealKey), vector.sealKey)
    t.equal(hex(queue.idKey), vector.idKey)
    t.equal(hex(queue.wakeTag), vector.wakeTag)
    t.equal(queue.partition, vector.partition)
    const { sizeIndex, classIndex, expiresAt, seq } = vector
    const bucket = bucketOf(queue, sizeIndex, classIndex, expiresAt)
    t.equal(hex(bucket.tag), vector.bucketTag)
    t.equal(bucketKey(bucket), vector.key)
    const ids = new EnvelopeIds(queue)
    t.equal(hex(ids.encode({ sizeIndex, classIndex, expiresAt, seq })), vector.envelopeId)
    t.same(ids.decode(bytes(vector.envelopeId), ENVELOPE_BYTES.length), [{ sizeIndex, classIndex, expiresAt, seq }])
    t.equal(hex(Buffer.concat(sealEnvelope(queue, bucket, bytes(vector.nonce), bytes(vector.envelope)))), vector.sealed)
    t.equal(openEnvelope(queue, bucket, bytes(vector.sealed), 0)?.toString('hex'), vector.envelope)
  })
}

for (const vector of cases.expiry) {
  test(`[protocol §3] ttl ${vector.ttl} at ${vector.now}, at most ${vector.maxTtl}`, async (t) => {
    const classIndex = grantClass(vector.ttl, vector.maxTtl)
    t.equal(classSeconds(classIndex), vector.class)
    t.equal(expiryOf(vector.now, classIndex), vector.expiresAt)
  })
}

/** The signature is the one that the key makes, and verifies for its own origin only. */
async function checkSignature(
  t: Test,
  { privateSeed, origin }: { privateSeed: string; origin: string },
  signature: string,
  preimageOf: (originHash: Uint8Array) => Uint8Array,
): Promise<void> {
  t.equal(signed(privateSeed, preimageOf(hash('sha256', origin, 'buffer'))), signature)
  const publicKey = keys.get(privateSeed) as Buffer
  const proofs = new OriginProofs()
  proofs.accept(['https://other.example', origin])
  t.equal(await proofs.isSigned(publicKey, bytes(signature), preimageOf), true)
  proofs.accept(['https://other.example'])
  t.equal(await proofs.isSigned(publicKey, bytes(signature), preimageOf), false)
}

for (const [i, vector] of cases.open.entries()) {
  test(`[protocol §5] signature of OPEN ${i}`, async (t) => {
    await checkSignature(t, vector, vector.signature, (originHash) => openPreimage(originHash, bytes(vector.nonce)))
  })
}

for (const [i, vector] of cases.fetch.entries()) {
  test(`[protocol §5] body of fetch ${i}`, async (t) => {
    const { request, covered, signature } = parseFetchRequest(bytes(vector.body), ENVELOPE_BYTES)
    t.equal(hex(request.publicKey), hex(keys.get(vector.privateSeed) as Buffer))
    t.equal(hex(encodeFetchRequest(request)) + hex(signature), vector.body)
    await checkSignature(t, vector, hex(signature), (originHash) => signedPreimage('fetch', originHash, covered))
  })
}

for (const [i, vector] of cases.ack.entries()) {
  test(`[protocol §5] body of ack ${i}`, async (t) => {
    const { request, covered, signature } = parseAckRequest(bytes(vector.body))
    t.equal(hex(request.publicKey), hex(keys.get(vector.privateSeed) as Buffer))
    t.equal(hex(encodeAckRequest(request)) + hex(signature), vector.body)
    await checkSignature(t, vector, hex(signature), (originHash) => signedPreimage('ack', originHash, covered))
  })
}

/** Parses the bytes as the peer does that a frame of this name is for. */
const parsers: Record<string, (frame: Uint8Array) => unknown> = {
  'deposit DEPOSIT': parseDepositFrame,
  'deposit ACCEPTED': parseDepositAnswer,
  'deposit ERROR': parseDepositAnswer,
  'mailbox OPEN': parseMailboxRequest,
  'mailbox ACK': parseMailboxRequest,
  'mailbox CLOSE': parseMailboxRequest,
}

function expectedFrame(endpoint: FrameCase['endpoint'], name: string, fields: FrameCase['fields']) {
  const { ref, ttl, channel, code, ids } = fields
  const [envelope, id, nonce] = [bytes(fields.envelope), bytes(fields.id), bytes(fields.nonce)]
  const [publicKey, signature, address] = [bytes(fields.publicKey), bytes(fields.signature), bytes(fields.address)]
  const plain = name.toLowerCase() as 'opened' | 'drained' | 'displaced'
  const relay = (reply: MailboxReply) => ({ value: reply, encoded: encodeMailboxReply(reply) })
  switch (`${endpoint} ${name}`) {
    case 'deposit DEPOSIT': {
      const value = { ref, ttlSeconds: ttl, address, envelope }
      return { value, encoded: encodeDepositFrame(value) }
    }
    case 'deposit ACCEPTED': {
      const value = { kind: 'accepted', ref } as const
      return { value, encoded: encodeDepositAnswer(value) }
    }
    case 'deposit ERROR': {
      const value = { kind: 'error', ref, number: code } as const
      return { value, encoded: encodeDepositAnswer(value) }
    }
    case 'mailbox OPEN': {
      const value = { kind: 'open', channel, publicKey, signature } as const
      return { value, encoded: encodeMailboxRequest(value) }
    }
    case 'mailbox ACK': {
      const value = { kind: 'ack', channel, ids: bytes(ids.join('')) } as const
      return { value, encoded: encodeMailboxRequest(value) }
    }
    case 'mailbox CLOSE': {
      const value = { kind: 'close', channel } as const
      return { value, encoded: encodeMailboxRequest(value) }
    }
    case 'mailbox HELLO':
      return relay({ kind: 'hello', nonce })
    case 'mailbox ENVELOPE':
      return relay({ kind: 'envelope', channel, id, envelope })
    case 'mailbox ERROR':
      return relay({ kind: 'error', channel, number: code })
    case 'mailbox OPENED':
    case 'mailbox DRAINED':
    case 'mailbox DISPLACED':
      return relay({ kind: plain, channel })
    default:
      throw new Error(`a vector for an unknown frame: ${endpoint} ${name}`)
  }
}

for (const { endpoint, name, invalid, fields, bytes: text } of cases.frames) {
  const [section, parsersOfClients] =
    endpoint === 'deposit' ? ['§4', [parseDepositFrame]] : (['§5', [parseMailboxRequest, parseMailboxReply]] as const)
  if (invalid) {
    test(`[protocol ${section}] refused: ${name}`, async (t) => {
      for (const parse of parsersOfClients) t.throws(() => parse(bytes(text)), { code: 'ERR_MALFORMED' })
    })
    continue
  }
  test(`[protocol ${section}] frame ${endpoint} ${name}`, async (t) => {
    const { value, encoded } = expectedFrame(endpoint, name, fields)
    t.equal(hex(encoded), text)
    const parse = parsers[`${endpoint} ${name}`] ?? parseMailboxReply
    t.same(parse(bytes(text)), value)
  })
}
