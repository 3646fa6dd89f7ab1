import assert from 'node:assert/strict'
import fc from 'fast-check'
import { concatBytes, MalformedError } from '../../src/protocol/bytes.ts'
import {
  type AckRequest,
  encodeAckRequest,
  encodeFetchRequest,
  type FetchRequest,
  fetchAnswerBytes,
  parseAckRequest,
  parseFetchAnswer,
  parseFetchRequest,
  type Signed,
} from '../../src/protocol/signed-requests.ts'
import { test } from '../_util/tap.ts'
import { bytesOf, type Codec, recordOf, refusesOrRepeats, refusesOtherLengths, roundTrip, u8, u64 } from './codec.ts'

const SIZES = [4000, 64_000]
const FETCH_BYTES = 107

/** As sizes and limits say: at most 16 slots and 256 KiB. */
const fetchRequests = recordOf({
  publicKey: bytesOf(32),
  timeSeconds: u64,
  sizeIndex: fc.nat({ max: 1 }),
  waitSeconds: fc.nat({ max: 30 }),
  slots: fc.integer({ min: 1, max: 16 }),
}).map((request) => (request.sizeIndex === 1 ? { ...request, slots: Math.min(request.slots, 4) } : request))

const ackRequests = recordOf({
  publicKey: bytesOf(32),
  timeSeconds: u64,
  ids: fc.integer({ min: 1, max: 64 }).chain((count) => bytesOf(16 * count)),
})

/** A body is what is covered, and the signature. */
function signedCodec<T>(
  requests: fc.Arbitrary<T>,
  encode: (request: T) => Uint8Array,
  parse: (body: Uint8Array) => Signed<T>,
  isLength: (length: number) => boolean,
): Codec<Signed<T>> {
  const values = fc
    .tuple(requests, bytesOf(64))
    .map(([request, signature]) => ({ request, covered: encode(request), signature }))
  return { values, encode: ({ covered, signature }) => concatBytes(covered, signature), parse, isLength }
}

const fetches = signedCodec<FetchRequest>(
  fetchRequests,
  encodeFetchRequest,
  (body) => parseFetchRequest(body, SIZES),
  (length) => length === FETCH_BYTES,
)

const acks = signedCodec<AckRequest>(
  ackRequests,
  encodeAckRequest,
  parseAckRequest,
  (length) => length >= 120 && length <= 1128 && (length - 104) % 16 === 0,
)

test('[protocol §5] fetch: what is parsed is what was encoded, cuts and tails are refused', async (t) => {
  t.doesNotThrow(() => roundTrip(fetches))
  t.doesNotThrow(() => refusesOtherLengths(fetches))
  t.doesNotThrow(() => refusesOrRepeats(fetches, [0], [FETCH_BYTES]))
})

test('[protocol §5] ack: what is parsed is what was encoded, cuts and tails are refused', async (t) => {
  t.doesNotThrow(() => roundTrip(acks))
  t.doesNotThrow(() => refusesOtherLengths(acks))
  t.doesNotThrow(() => refusesOrRepeats(acks, [0], [120, 136, 1128, 1144]))
})

test('[protocol §5] what is signed are the bytes of the body, also where a time is beyond all numbers', async (t) => {
  const property = fc.property(bytesOf(FETCH_BYTES), (body) => {
    body.set([0, 30, 16], 40)
    const { request, covered, signature } = parseFetchRequest(body, SIZES)
    assert.deepEqual(concatBytes(covered, signature), body)
    const time = Buffer.from(body).readBigUInt64BE(32)
    if (time < 2n ** 53n) assert.equal(request.timeSeconds, Number(time))
    else assert.ok(request.timeSeconds >= 2 ** 53, 'so that it is stale')
  })
  t.doesNotThrow(() => fc.assert(property))
})

test('[protocol §5] a fetch is refused exactly when a field is out of range', async (t) => {
  const property = fc.property(bytesOf(FETCH_BYTES), u8, u8, u8, (body, sizeIndex, waitSeconds, slots) => {
    const near = [sizeIndex % 4, waitSeconds % 40, slots % 24] as const
    body.set(near, 40)
    const size = SIZES[near[0]] ?? Number.POSITIVE_INFINITY
    const isInRange = near[1] <= 30 && near[2] >= 1 && near[2] <= 16 && near[2] * size <= 262_144
    if (isInRange) parseFetchRequest(body, SIZES)
    else assert.throws(() => parseFetchRequest(body, SIZES), MalformedError)
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2000 }))
})

test('[protocol §5] the answer to a fetch: filled slots are given, empty ones are not', async (t) => {
  const slot = (size: number) =>
    recordOf({ id: fc.oneof(bytesOf(16), fc.constant(new Uint8Array(16))), envelope: bytesOf(size) })
  const answers = fc
    .tuple(u8, fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 50 }))
    .chain(([waiting, count, size]) =>
      recordOf({
        waiting: fc.constant(waiting),
        size: fc.constant(size),
        slots: fc.array(slot(size), { minLength: count, maxLength: count }),
      }),
    )
  const property = fc.property(
    answers,
    fc.uint8Array({ minLength: 1, maxLength: 3 }),
    ({ waiting, size, slots }, tail) => {
      const body = concatBytes(Uint8Array.of(waiting), ...slots.flatMap(({ id, envelope }) => [id, envelope]))
      assert.equal(body.length, fetchAnswerBytes(slots.length, size))
      const filled = slots.filter(({ id }) => id.some((byte) => byte > 0))
      assert.deepEqual(parseFetchAnswer(body, slots.length, size), { waiting, envelopes: filled })
      assert.throws(() => parseFetchAnswer(body.subarray(1), slots.length, size), MalformedError)
      assert.throws(() => parseFetchAnswer(concatBytes(body, tail), slots.length, size), MalformedError)
    },
  )
  t.doesNotThrow(() => fc.assert(property))
})
