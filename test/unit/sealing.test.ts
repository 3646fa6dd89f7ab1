import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import {
  bucketOf,
  bucketsOf,
  deriveQueue,
  EnvelopeIds,
  type EnvelopeName,
  NONCE_BYTES,
  openEnvelope,
  SEAL_BYTES,
  sealEnvelope,
  wipeQueue,
} from '../../src/mailbox/sealing.ts'
import { expiryOf, liveExpiries } from '../../src/protocol/retention.ts'
import { test } from '../_util/tap.ts'

const SIZES = 2
const NOW = 1_790_000_000
const secret = randomBytes(32)
const queue = deriveQueue(secret, randomBytes(32))
const bucket = bucketOf(queue, 0, 3, expiryOf(NOW, 3))

function seal(envelope: Uint8Array): Buffer {
  return Buffer.concat(sealEnvelope(queue, bucket, randomBytes(NONCE_BYTES), envelope))
}

test('[protocol §2] what was sealed opens to itself, with room before it', async (t) => {
  const property = fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat({ max: 40 }), (envelope, headroom) => {
    const sealed = seal(envelope)
    assert.equal(sealed.length, envelope.length + SEAL_BYTES)
    const framed = openEnvelope(queue, bucket, sealed, headroom)
    assert.ok(framed)
    assert.deepEqual(new Uint8Array(framed.subarray(headroom)), envelope)
    assert.equal(framed.length, headroom + envelope.length)
  })
  t.doesNotThrow(() => fc.assert(property))
})

test('[protocol §2] any changed bit of nonce, ciphertext or tag is refused', async (t) => {
  const sealed = seal(randomBytes(40))
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed.writeUInt8((changed[bit >> 3] as number) ^ (1 << (bit & 7)), bit >> 3)
    t.equal(openEnvelope(queue, bucket, changed, 0), undefined, `bit ${bit}`)
  }
})

test('[protocol §2] cut or lengthened it is refused', async (t) => {
  const sealed = seal(randomBytes(40))
  for (let length = 0; length < sealed.length; length++) {
    t.equal(openEnvelope(queue, bucket, sealed.subarray(0, length), 0), undefined)
  }
  t.equal(openEnvelope(queue, bucket, Buffer.concat([sealed, Buffer.alloc(1)]), 0), undefined)
})

test('[protocol §2] it opens in its own bucket and queue alone', async (t) => {
  const sealed = seal(randomBytes(40))
  const others = [
    bucketOf(queue, 1, bucket.classIndex, bucket.expiresAt),
    bucketOf(queue, 0, 2, bucket.expiresAt),
    bucketOf(queue, 0, bucket.classIndex, bucket.expiresAt + 14_400),
  ]
  for (const other of others) t.equal(openEnvelope(queue, other, sealed, 0), undefined)
  const stranger = deriveQueue(secret, randomBytes(32))
  t.equal(openEnvelope(stranger, bucket, sealed, 0), undefined, 'another address')
  t.equal(openEnvelope(stranger, bucketOf(stranger, 0, 3, bucket.expiresAt), sealed, 0), undefined)
})

test('[protocol §1] everything derived depends on secret and address', async (t) => {
  const address = randomBytes(32)
  const one = deriveQueue(secret, address)
  t.same(deriveQueue(secret, address), one)
  for (const other of [deriveQueue(randomBytes(32), address), deriveQueue(secret, randomBytes(32))]) {
    for (const field of ['queueId', 'sealKey', 'idKey', 'wakeTag'] as const) t.notSame(other[field], one[field])
  }
  t.same([one.queueId.length, one.sealKey.length, one.idKey.length, one.wakeTag.length], [16, 32, 16, 16])
  t.equal(one.partition, Buffer.from(one.queueId).readUInt16BE(0) >> 4)
  t.equal(one.prefix, Buffer.from(one.queueId).readUIntBE(0, 3))
  t.equal(one.wakeKey, Buffer.from(one.wakeTag).toString('latin1'))
})

test('[protocol §8] the buckets of a queue: size, class and seven slots, each with a name of its own', async (t) => {
  const buckets = bucketsOf(queue, SIZES, NOW)
  t.equal(buckets.length, SIZES * 5 * 7)
  t.equal(new Set(buckets.map(({ tag }) => Buffer.from(tag).toString('hex'))).size, buckets.length)
  for (const { partition, tag, sizeIndex, classIndex, expiresAt } of buckets) {
    t.same(bucketOf(queue, sizeIndex, classIndex, expiresAt), { partition, tag, sizeIndex, classIndex, expiresAt })
    t.equal(partition, queue.partition)
    t.ok(liveExpiries(NOW, classIndex).includes(expiresAt))
  }
  const day = buckets.filter(({ sizeIndex, classIndex }) => sizeIndex === 1 && classIndex === 3)
  t.same(
    day.map(({ expiresAt }) => expiresAt),
    liveExpiries(NOW, 3),
    'the earliest first',
  )
})

const names: fc.Arbitrary<EnvelopeName> = fc.record(
  {
    sizeIndex: fc.nat({ max: SIZES - 1 }),
    classIndex: fc.nat({ max: 4 }),
    expiresAt: fc.integer({ min: 0, max: 0xffff_ffff }),
    seq: fc.maxSafeNat(),
  },
  { noNullPrototype: true },
)

test('[protocol §1] an id names its envelope to its own queue, also among others', async (t) => {
  const ids = new EnvelopeIds(queue)
  const property = fc.property(fc.array(names, { minLength: 1, maxLength: 64 }), (list) => {
    const encoded = list.map((name) => Buffer.from(ids.encode(name)))
    assert.deepEqual(ids.decode(Buffer.concat(encoded), SIZES), list)
    assert.deepEqual(
      new EnvelopeIds(queue).decode(Buffer.concat(encoded), SIZES),
      list,
      'and to whoever derives the queue again',
    )
  })
  t.doesNotThrow(() => fc.assert(property))
})

test('[protocol §1] an id of another queue is none, and neither are random bytes', async (t) => {
  const ids = new EnvelopeIds(queue)
  const stranger = new EnvelopeIds(deriveQueue(secret, randomBytes(32)))
  const property = fc.property(names, (name) => {
    assert.deepEqual(ids.decode(stranger.encode(name), SIZES), [undefined])
  })
  // One in 2^16 has zeros in its last two bytes by chance, and then hardly ever a size and class that exist.
  t.doesNotThrow(() => fc.assert(property))
  const noise = randomBytes(16 * 64)
  t.same(ids.decode(noise, SIZES), Array(64).fill(undefined))
})

test('[protocol §1] what no envelope can be called is no name', async (t) => {
  const ids = new EnvelopeIds(queue)
  const name = { sizeIndex: 0, classIndex: 0, expiresAt: 10, seq: 1 }
  t.same(ids.decode(ids.encode({ ...name, sizeIndex: 2 }), SIZES), [undefined], 'a size that this relay has not')
  t.same(ids.decode(ids.encode({ ...name, classIndex: 5 }), SIZES), [undefined])
  t.same(ids.decode(ids.encode({ ...name, seq: 2 ** 53 }), SIZES), [undefined])
  t.same(ids.decode(ids.encode(name), SIZES), [name])
  const block = Buffer.alloc(16)
  block[13] = 7
  for (const [ending, expected] of [
    [0, { ...name, expiresAt: 0, seq: 7 }],
    [1, undefined],
    [256, undefined],
  ] as const) {
    block.writeUInt16BE(ending, 14)
    const id = createCipheriv('aes-128-ecb', queue.idKey, null).setAutoPadding(false).update(block)
    t.same(ids.decode(id, SIZES), [expected], `the last two bytes are ${ending}`)
  }
})

test('[protocol §1] ids tell neither time nor count', async (t) => {
  const ids = new EnvelopeIds(queue)
  const seen = new Set<string>()
  for (let seq = 0; seq < 200; seq++) {
    seen.add(
      Buffer.from(ids.encode({ sizeIndex: 0, classIndex: 3, expiresAt: bucket.expiresAt, seq })).toString('hex', 0, 4),
    )
  }
  t.equal(seen.size, 200, 'neighbours have nothing in common')
})

test('a wiped queue opens nothing more', async (t) => {
  const wiped = deriveQueue(secret, randomBytes(32))
  const inIt = bucketOf(wiped, 0, 3, bucket.expiresAt)
  const sealed = Buffer.concat(sealEnvelope(wiped, inIt, randomBytes(NONCE_BYTES), randomBytes(40)))
  wipeQueue(wiped)
  for (const key of [wiped.queueId, wiped.sealKey, wiped.idKey]) t.ok(key.every((byte) => byte === 0))
  t.equal(openEnvelope(wiped, inIt, sealed, 0), undefined)
})
