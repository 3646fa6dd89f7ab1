import fc from 'fast-check'
import { expiryOf, TTL_CLASSES } from '../../src/protocol/retention.ts'
import { ExpiryTally } from '../../src/telemetry/expiry-tally.ts'
import { test } from '../_util/tap.ts'
import { START_MS, startMetrics } from './metrics-bench.ts'

const NOW = Math.floor(START_MS / 1000)

test('what was accepted counts when its slot is over, and not before', async (t) => {
  const tally = new ExpiryTally()
  for (const [classIndex] of TTL_CLASSES.entries()) tally.accept(classIndex, expiryOf(NOW, classIndex))
  for (const [classIndex] of TTL_CLASSES.entries()) {
    const expiresAt = expiryOf(NOW, classIndex)
    tally.settle(expiresAt - 1)
    t.equal(tally.pastAccepted, classIndex, `class ${classIndex}, a second before`)
    tally.settle(expiresAt)
    t.equal(tally.pastAccepted, classIndex + 1, `class ${classIndex}, at its time`)
  }
  t.equal(tally.pastAcknowledged, 0)
})

test('an acknowledgement that comes late still counts', async (t) => {
  const tally = new ExpiryTally()
  const expiresAt = expiryOf(NOW, 0)
  tally.accept(0, expiresAt)
  tally.settle(expiresAt + 1)
  tally.acknowledge(1, 0, expiresAt)
  tally.settle(expiresAt + 2)
  t.strictSame([tally.pastAccepted, tally.pastAcknowledged], [1, 1])
})

test('whatever the order and the clock, everything is counted once and only once its slot is over', async (t) => {
  const deed = fc.record({
    passes: fc.integer({ min: 0, max: 200_000 }),
    classIndex: fc.nat(TTL_CLASSES.length - 1),
    slotsBack: fc.nat(6),
    accepted: fc.nat(3),
    acknowledged: fc.nat(3),
  })
  const check = () =>
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
        const tally = new ExpiryTally()
        const told: { expiresAt: number; accepted: number; acknowledged: number }[] = []
        let now = NOW
        const due = (key: 'accepted' | 'acknowledged') =>
          told.reduce((sum, one) => sum + (one.expiresAt <= now ? one[key] : 0), 0)
        for (const { passes, classIndex, slotsBack, accepted, acknowledged } of deeds) {
          now += passes
          const slot = (TTL_CLASSES[classIndex] as number) / 6
          const expiresAt = expiryOf(now, classIndex) - slotsBack * slot
          for (let i = 0; i < accepted; i++) tally.accept(classIndex, expiresAt)
          tally.acknowledge(acknowledged, classIndex, expiresAt)
          told.push({ expiresAt, accepted, acknowledged })
          tally.settle(now)
          if (tally.pastAccepted !== due('accepted') || tally.pastAcknowledged !== due('acknowledged')) {
            throw new Error(`${tally.pastAccepted} and ${tally.pastAcknowledged}`)
          }
        }
      }),
      { numRuns: 500 },
    )
  t.doesNotThrow(check, 'no counterexample')
})

test('over two relays the difference of the two counters is what ended unread', async (t) => {
  const relays = [0, 1].map(() => startMetrics(t, { isExact: true }))
  const [one, other] = relays as [(typeof relays)[0], (typeof relays)[0]]
  const expiresAt = expiryOf(NOW, 1)
  for (let i = 0; i < 10; i++) one.counts.accepted(0, 1, expiresAt)
  other.counts.acknowledged(7, 1, expiresAt)
  const unread = async () => {
    let sum = 0
    for (const relay of relays) {
      sum += (await relay.value('lethe_expired_envelopes_accepted_total')) ?? Number.NaN
      sum -= (await relay.value('lethe_expired_envelopes_acknowledged_total')) ?? Number.NaN
    }
    return sum
  }
  t.equal(await unread(), 0, 'their time is not up')
  for (const { clock } of relays) clock.advance(600_000)
  t.equal(await unread(), 3)
})
