import type { Results } from '../../ops/bench/results.ts'
import { type Costs, costsOf, needOf, renderGrowth, renderNeeds } from '../../ops/bench/scaling.ts'
import type { Growth } from '../../ops/bench/scenarios/growth.ts'
import { test } from '../_util/tap.ts'

const growth = (instances: 1 | 2, masters: 1 | 3, hasBystander: boolean, relay: number, redis: number): Growth => ({
  instances,
  masters,
  hasBystander,
  relayMicroseconds: relay,
  redisMicroseconds: redis,
  bystanderMicroseconds: hasBystander ? 2 : 0,
  messagesPerSecond: 1,
})
const RESULTS: Results = {
  provenance: {} as Results['provenance'],
  samples: [],
  idleMemory: [{ bareBytes: 10_000, mailboxBytes: 15_000 }],
  reconnects: [],
  redisMemory: [{ eightInBucket: 1.05, oneInBucket: 1.1 }],
  crowded: [],
  growth: [
    growth(1, 1, false, 50, 15),
    growth(2, 1, false, 60, 18),
    growth(1, 3, false, 52, 16),
    growth(2, 3, false, 62, 20),
    growth(1, 1, true, 50, 15.5),
  ],
}

test('costs are those of many instances, extrapolated from two [C5]', (t) => {
  t.strictSame(costsOf(RESULTS), {
    relayFar: 72,
    redisFar: 24,
    hearing: 2,
    telling: 0.5,
    mailboxBytes: 15_000,
    envelopeBytes: 4_400,
  })
  t.equal(costsOf({ ...RESULTS, idleMemory: [] }), undefined, 'none while a part is missing')
  t.match(renderGrowth(RESULTS), '| 2 instances, 3 masters | 62 | 20 |  | 1 |')
  t.end()
})

test('what so many mailboxes need grows with them, but for wake-ups, which grow with their square [C5]', (t) => {
  const costs = costsOf(RESULTS) as Costs
  const [small, large] = [needOf(1e6, costs), needOf(1e8, costs)]
  t.equal(Math.round(small.peakPerSecond), 1_736)
  t.equal(small.sockets, 250_000)
  t.equal(small.relaysForSockets, 5)
  t.equal(small.first, 'sockets')
  for (const key of ['sockets', 'waiting', 'mastersForMemory', 'mastersForTraffic', 'relaysForTraffic'] as const) {
    t.ok(Math.abs(large[key] / small[key] - 100) < 1e-6, key)
  }
  t.ok(Math.abs(large.wakeCores / small.wakeCores - 10_000) < 1e-3, 'wake-ups')
  t.match(renderNeeds([1e6, 1e8], costs), '| mailboxes | 1,000,000 | 100,000,000 |')
  t.end()
})

test('what is the largest gives way first [C5]', (t) => {
  const costs = costsOf(RESULTS) as Costs
  t.equal(needOf(1e6, { ...costs, envelopeBytes: 1e6 }).first, 'Redis memory')
  t.equal(needOf(1e6, { ...costs, redisFar: 1e5 }).first, 'Redis CPU')
  t.equal(needOf(1e6, { ...costs, relayFar: 1e5, hearing: 0, telling: 0 }).first, 'relay CPU')
  t.equal(needOf(1e9, costs).first, 'wake-ups')
  t.end()
})
