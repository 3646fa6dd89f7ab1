import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from '../_util/tap.ts'
import { wireFrame } from '../websocket/wire.ts'
import { play, type Script } from './incoming-bench.ts'

const RUNS = 2_000
const WHOLE_BINARY = 0x82
const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 124, 125, 126, 127, 128, 4_041, 65_535, 65_536]
const LIMITS = [1, 125, 126, 4_041, 64_041, 65_535, 65_536, 100_000]

const mask = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ minLength: 4, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constant(new Uint8Array(4)) },
)
const lengthBytes = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(2, 8) })

/** Bytes that differ by place, without drawing each of them. */
function patterned(length: number, first: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = first + i * 7 + (i >> 8)
  return bytes
}

function frames(first: fc.Arbitrary<number>, length: fc.Arbitrary<number>, isMasked = true): fc.Arbitrary<Buffer> {
  return fc
    .record({ first, length, seed: fc.nat({ max: 255 }), mask, lengthBytes })
    .map(({ length, seed, ...frame }) =>
      wireFrame({ ...frame, payload: patterned(length, seed), mask: isMasked ? frame.mask : undefined }),
    )
}

const shortLength = fc.oneof(fc.nat({ max: 125 }), fc.constantFrom(0, 1, 125))
const pings = fc
  .record({ first: fc.constantFrom(0x89, 0x8a), payload: shortLength.map((length) => patterned(length, 9)), mask })
  .map(wireFrame)
const CLOSES = ['', '03e8', '03e8486921', '0fa0', '03ed', '03', '0000', '03e8ce'].map((hex) => Buffer.from(hex, 'hex'))
const closes = fc.record({ first: fc.constant(0x88), payload: fc.constantFrom(...CLOSES), mask }).map(wireFrame)
/** In two or three, with what may stand in between. */
const fragments = fc
  .tuple(frames(fc.constantFrom(0x01, 0x02), shortLength), fc.array(pings, { maxLength: 2 }), fc.boolean())
  .chain(([first, between, isThree]) =>
    fc
      .array(frames(fc.constant(0), shortLength), { minLength: isThree ? 1 : 0, maxLength: 1 })
      .chain((middle) =>
        frames(fc.constant(0x80), shortLength).map((last) => Buffer.concat([first, ...between, ...middle, last])),
      ),
  )
/** Lengths of 64 bits, up to the highest, of which nothing follows, cut wherever. */
const endless = fc
  .tuple(
    fc.constantFrom(0x82, 0x02, 0x89),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.integer({ min: 1, max: 14 }),
  )
  .map(([first, length, cut]) => {
    const header = Buffer.alloc(14)
    header.set([first, 0xff])
    header.writeBigUInt64BE(length, 2)
    return header.subarray(0, cut)
  })
/** A right frame that ends too early. */
const cut = fc
  .tuple(frames(fc.constantFrom(0x82, 0x89, 0x8a, 0x81, 0x83, 0xc2), shortLength), fc.nat({ max: 140 }))
  .map(([frame, length]) => frame.subarray(0, length))

function streamOf(limitBytes: number): fc.Arbitrary<Buffer> {
  const length = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...LENGTHS, limitBytes).map((one) => Math.min(one, limitBytes)) },
    { weight: 2, arbitrary: fc.nat({ max: Math.min(300, limitBytes) }) },
  )
  const good = fc.oneof(
    { weight: 5, arbitrary: frames(fc.constant(WHOLE_BINARY), length) },
    { weight: 2, arbitrary: pings },
  )
  const other = fc.oneof(
    frames(fc.constant(WHOLE_BINARY), fc.constantFrom(limitBytes + 1, 65_535, 65_536)),
    frames(fc.constantFrom(WHOLE_BINARY, 0x81, 0x88, 0x89), shortLength, false),
    fc.tuple(frames(fc.constantFrom(0x89, 0x8a), fc.oneof(shortLength, fc.constantFrom(126, 65_536))), good),
    frames(fc.integer({ min: 0, max: 255 }), shortLength),
    frames(fc.constant(0x81), shortLength),
    fc.tuple(closes, good),
    closes,
    fragments,
    endless,
    cut,
  )
  return fc
    .tuple(fc.array(good, { maxLength: 8 }), fc.array(fc.oneof(good, other), { maxLength: 4 }))
    .map((parts) => Buffer.concat(parts.flat(2)))
}

const sizes = fc.oneof(
  fc.constant([1]),
  fc.constant([1_000_000]),
  fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 70_000 })), {
    minLength: 1,
    maxLength: 6,
  }),
)
const MOST_CHUNKS = 300

/** In pieces of these sizes, over and over; what is left after many of them comes as one. */
function chunked(stream: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < stream.length; ) {
    const size = chunks.length < MOST_CHUNKS ? (sizes[chunks.length % sizes.length] as number) : stream.length
    chunks.push(stream.subarray(at, at + size))
    at += size
  }
  return chunks
}

const befores = fc.array(fc.constantFrom(undefined, undefined, 'pause' as const, 'resume' as const), {
  minLength: 1,
  maxLength: 8,
})
/** So that several chunks wait, and come in one turn. */
const bursts = fc
  .nat({ max: 6 })
  .map((waiting) => ['pause' as const, ...Array<undefined>(waiting).fill(undefined), 'resume' as const])
const reactions = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 8 }), fc.constantFrom('pause' as const, 'close' as const, 'terminate' as const)),
  { maxLength: 2 },
)
const headBytes = fc.oneof(fc.constant(0), fc.nat({ max: 200 }), fc.constant(1_000_000))

const script: fc.Arbitrary<Script> = fc.constantFrom(...LIMITS).chain((limitBytes) =>
  fc
    .record({
      stream: streamOf(limitBytes),
      headBytes,
      sizes,
      befores: fc.oneof(fc.constant([undefined]), befores, bursts),
      reactions: fc.oneof(fc.constant([]), reactions),
      end: fc.constantFrom('end' as const, 'destroy' as const, 'fail' as const, 'resume' as const),
    })
    .map(({ stream, headBytes, sizes, befores, ...rest }) => ({
      ...rest,
      limitBytes,
      head: stream.subarray(0, headBytes),
      chunks: chunked(stream.subarray(headBytes), sizes).map((bytes, n) => ({
        bytes,
        before: befores[n % befores.length],
      })),
    })),
)

test('[RFC6455-5] whatever comes, the same comes out as of ws by itself', async (t) => {
  const property = fc.asyncProperty(script, async (one) => {
    const [expected, actual] = await Promise.all([play(one, false), play(one, true)])
    assert.deepEqual(actual, expected)
  })
  await t.resolves(fc.assert(property, { numRuns: RUNS }))
})
