import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  classSeconds,
  expiryOf,
  grantClass,
  liveExpiries,
  SLOTS_PER_CLASS,
  slotSeconds,
  TTL_CLASSES,
} from '../../src/protocol/retention.ts'
import { test } from '../_util/tap.ts'

const now = fc.oneof(
  fc.integer({ min: 1_500_000_000, max: 4_200_000_000 }),
  fc.constantFrom(0, 1_790_014_399, 1_790_014_400),
)
const classIndex = fc.nat({ max: 4 })

test('[protocol §3] the classes and their slots', async (t) => {
  t.same(TTL_CLASSES, [60, 600, 3600, 86_400, 604_800])
  t.same(
    TTL_CLASSES.map((_, i) => [classSeconds(i), slotSeconds(i)]),
    [
      [60, 10],
      [600, 100],
      [3600, 600],
      [86_400, 14_400],
      [604_800, 100_800],
    ],
  )
  for (const wrong of [-1, 5, 0.5]) t.throws(() => classSeconds(wrong), RangeError)
})

test('[protocol §3] the largest class within what is asked for and allowed, at least the first', async (t) => {
  const ttl = fc.oneof(fc.nat({ max: 1_000_000 }), fc.integer({ min: 0, max: 0xffff_ffff }))
  const property = fc.property(ttl, fc.integer({ min: 60, max: 604_800 }), (asked, maxTtl) => {
    const fitting = [60, 600, 3600, 86_400, 604_800].filter((seconds) => seconds <= asked && seconds <= maxTtl)
    assert.equal(classSeconds(grantClass(asked, maxTtl)), fitting.at(-1) ?? 60)
  })
  t.doesNotThrow(() => fc.assert(property))
  for (const [i, seconds] of TTL_CLASSES.entries()) {
    t.equal(grantClass(seconds, 604_800), i)
    t.equal(grantClass(seconds - 1, 604_800), Math.max(0, i - 1))
    t.equal(grantClass(0xffff_ffff, seconds), i)
    t.equal(grantClass(0xffff_ffff, seconds - 1), Math.max(0, i - 1))
  }
})

test('[protocol §3] an envelope lives more than five sixths of its class, and never longer than it', async (t) => {
  const property = fc.property(now, classIndex, (now, classIndex) => {
    const lifetime = expiryOf(now, classIndex) - now
    const seconds = classSeconds(classIndex)
    assert.ok(lifetime * 6 > seconds * 5, `${lifetime} of ${seconds}`)
    assert.ok(lifetime <= seconds, `${lifetime} of ${seconds}`)
    assert.equal(expiryOf(now, classIndex) % slotSeconds(classIndex), 0)
  })
  t.doesNotThrow(() => fc.assert(property))
})

test('[protocol §3] at the edges of a slot', async (t) => {
  for (const [i, seconds] of TTL_CLASSES.entries()) {
    const slot = seconds / 6
    const edge = slot * Math.ceil(1_790_000_000 / slot)
    t.equal(expiryOf(edge, i), edge + seconds, 'the whole class at the first second')
    t.equal(expiryOf(edge + slot - 1, i), edge + seconds, 'least at the last')
    t.equal(expiryOf(edge - 1, i), edge + seconds - slot)
  }
})

test('[protocol §8] the live expiries are seven slots, the earliest first, all still to come', async (t) => {
  t.equal(SLOTS_PER_CLASS, 7)
  const property = fc.property(now, classIndex, (now, classIndex) => {
    const expiries = liveExpiries(now, classIndex)
    assert.equal(expiries.length, 7)
    for (const [i, expiresAt] of expiries.entries()) {
      assert.equal(expiresAt, (expiries[0] as number) + i * slotSeconds(classIndex))
    }
    assert.ok((expiries[0] as number) > now)
    assert.ok((expiries[0] as number) <= now + slotSeconds(classIndex), 'none is left out before the first')
  })
  t.doesNotThrow(() => fc.assert(property))
})

test('[protocol §8] whatever still waits is among the live expiries', async (t) => {
  // Deposited within the last class's length, by a clock that is up to one slot ahead of the reader's.
  const inputs = fc
    .tuple(now, classIndex)
    .chain(([now, classIndex]) =>
      fc.tuple(
        fc.constant(now),
        fc.constant(classIndex),
        fc.nat({ max: classSeconds(classIndex) }),
        fc.oneof(fc.constant(0), fc.nat({ max: slotSeconds(classIndex) })),
      ),
    )
  const property = fc.property(inputs, ([now, classIndex, age, ahead]) => {
    const expiresAt = expiryOf(now - age + ahead, classIndex)
    if (expiresAt > now) assert.ok(liveExpiries(now, classIndex).includes(expiresAt))
    if (age === 0) assert.ok(liveExpiries(now, classIndex).includes(expiresAt))
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2000 }))
})
