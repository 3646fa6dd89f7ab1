import { createHash } from 'node:crypto'
import { PrefixBuckets } from '../../src/admission/prefix-buckets.ts'
import { Ticks } from '../../src/admission/ticks.ts'
import { bucketShape, TokenBucket } from '../../src/admission/token-bucket.ts'
import { RETRY_AFTER_SECONDS } from '../../src/protocol/errors.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { test } from '../_util/tap.ts'

const RATE = 1000
const WAIT_SECONDS = RETRY_AFTER_SECONDS.ERR_RATE_LIMITED as number
const CAPACITY = RATE * WAIT_SECONDS

/** Random bytes that are not random: each is a number's hash. */
function createNumberedRandom() {
  let count = 0
  return {
    bytes: (length: number) => createHash('sha512').update(String(count++)).digest().subarray(0, length),
    given: () => count,
  }
}

function createBench() {
  const clock = createManualClock(1_800_000_000_000)
  const ticks = new Ticks(clock)
  const random = createNumberedRandom()
  const prefixes = new PrefixBuckets(bucketShape(RATE), ticks, clock, random)
  return { clock, ticks, random, prefixes, bucket: new TokenBucket(bucketShape(RATE), ticks) }
}

test('[protocol §6] a bucket holds what Retry-After fills, and no more', async (t) => {
  const { clock, bucket } = createBench()
  t.equal(bucket.tokens, CAPACITY, 'full at first')
  bucket.take(CAPACITY)
  t.equal(bucket.tokens, 0)
  clock.advance(1000)
  t.equal(bucket.tokens, RATE, 'a second later it holds what a second brings')
  clock.advance(WAIT_SECONDS * 1000 - 1000)
  t.equal(bucket.tokens, CAPACITY, 'after the time of Retry-After it is full')
  clock.advance(3_600_000)
  t.equal(bucket.tokens, CAPACITY, 'and never fuller')
})

test('what is owed has an end, and is paid off within Retry-After', async (t) => {
  const { clock, bucket } = createBench()
  bucket.take(1_000 * CAPACITY)
  t.equal(bucket.tokens, -CAPACITY / 2)
  t.ok(bucket.isAtFloor)
  clock.advance(100)
  t.notOk(bucket.isAtFloor)
  clock.advance(WAIT_SECONDS * 1000)
  t.ok(bucket.tokens > 0, 'who waited as long as it was told is admitted')
})

test('a clock that is set forward, or a process that stands still, fills no bucket', async (t) => {
  const { clock, bucket, prefixes } = createBench()
  const place = prefixes.place(Uint8Array.of(1, 2, 3))
  bucket.take(CAPACITY)
  prefixes.take(place, CAPACITY)
  clock.jump(8 * 86_400_000)
  t.equal(bucket.tokens, 0)
  t.equal(prefixes.tokens(place), 0)
})

test('prefixes have buckets of their own, which fill again', async (t) => {
  const { clock, prefixes } = createBench()
  const [one, other] = [Uint8Array.of(192, 0, 2), Uint8Array.of(192, 0, 3)].map((prefix) => prefixes.place(prefix))
  if (!one || !other) throw new Error('no places')
  prefixes.take(one, 2 * CAPACITY)
  t.ok(prefixes.tokens(one) < 0)
  t.equal(prefixes.tokens(other), CAPACITY, 'the neighbour is untouched')
  t.same(prefixes.place(Uint8Array.of(192, 0, 2)), one, 'the same prefix is found again')
  clock.advance(WAIT_SECONDS * 1000)
  t.equal(prefixes.tokens(one), CAPACITY / 2)
})

test('a new salt every five minutes, and nothing that tells old places from new ones', async (t) => {
  const { clock, prefixes, random } = createBench()
  const prefix = Uint8Array.of(192, 0, 2)
  const before = prefixes.place(prefix)
  t.equal(random.given(), 1)
  clock.advance(299_000)
  t.same(prefixes.place(prefix), before)
  t.equal(prefixes.epoch, 0)
  clock.advance(2_000)
  t.not(prefixes.place(prefix).first, before.first, 'the prefix is somewhere else')
  t.equal(prefixes.epoch, 1)
  clock.advance(300_000)
  t.equal(random.given(), 3, 'one salt a period')
  prefixes.stop()
  clock.advance(3_600_000)
  t.equal(random.given(), 3, 'none after the end')
})

test('a thousand prefixes that flood take the bucket of hardly anybody else', async (t) => {
  const { prefixes } = createBench()
  const prefixOf = (number: number) => Uint8Array.of(10, number >> 8, number & 0xff)
  for (let number = 0; number < 1_000; number++) prefixes.take(prefixes.place(prefixOf(number)), 10 * CAPACITY)
  const honest = Array.from({ length: 20_000 }, (_, i) => prefixes.place(prefixOf(1_000 + i)))
  const hit = honest.filter((place) => prefixes.tokens(place) <= 0).length
  t.ok(hit < 60, `${hit} of 20,000 are limited with them`)
  const shared = honest.filter(({ first }) => prefixes.tokens({ first, second: first }) <= 0).length
  t.ok(shared > 200, `with one bucket each it would be ${shared}`)
})
