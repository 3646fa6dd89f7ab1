import fc from 'fast-check'
import { Layout } from '../../src/telemetry/layout.ts'
import { METRICS } from '../../src/telemetry/metrics.ts'
import { stepCounter, stepGauge, stepPage, toPage } from '../../src/telemetry/steps.ts'
import { Tally } from '../../src/telemetry/tally.ts'
import { test } from '../_util/tap.ts'
import { startMetrics } from './metrics-bench.ts'

const step = fc.integer({ min: 1, max: 64 })
const layout = new Layout({ sizes: 2, build: { version: '1', commit: '2' } })

test('published counters never go back, are multiples of the step, and less than one step behind the truth', async (t) => {
  const counters = layout.series.filter(({ row }) => row.type === 'counter' && row.grain === 1)
  const deed = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ series: fc.constantFrom(...counters), amount: fc.integer({ min: 0, max: 40 }) }),
    },
    { weight: 1, arbitrary: fc.constant('publish' as const) },
  )
  let moved = 0
  fc.assert(
    fc.property(step, fc.array(deed, { maxLength: 100 }), (step, deeds) => {
      const tally = new Tally(layout)
      let published = new Float64Array(layout.length)
      for (const did of [...deeds, 'publish' as const]) {
        if (did !== 'publish') {
          tally.add(did.series.at, did.amount)
          continue
        }
        const next = stepPage(layout, published, toPage(layout, tally.values), step)
        for (const { at } of counters) {
          const [before, now, truth] = [published[at] as number, next[at] as number, tally.values[at] as number]
          if (now < before || now % step !== 0 || now > truth || truth - now >= step) {
            throw new Error(`${before} → ${now}, in truth ${truth}`)
          }
          if (now > before) moved++
        }
        published = Float64Array.from(next)
      }
    }),
    { numRuns: 500 },
  )
  t.ok(moved > 100, 'enough of them moved')
})

test('the same through the page that is served', async (t) => {
  const deeds = fc.array(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 5 }), { minLength: 1, maxLength: 6 })
  const holds = fc.assert(
    fc.asyncProperty(step, deeds, async (step, intervals) => {
      const bench = startMetrics(t, { step })
      let truth = 0
      let before = 0
      for (const amounts of intervals) {
        for (const amount of amounts) bench.counts.acknowledged(amount, 0, 4_000_000_000)
        truth += amounts.reduce((sum, amount) => sum + amount, 0)
        bench.clock.advance(120_000)
        const now = (await bench.value('lethe_envelopes_acknowledged_total')) ?? Number.NaN
        if (!(now >= before && now % step === 0 && now <= truth && truth - now < step)) {
          throw new Error(`${before} → ${now}, in truth ${truth}`)
        }
        before = now
      }
      bench.stop()
    }),
    { numRuns: 50 },
  )
  await t.resolves(holds, 'no counterexample')
})

test('published histograms: each bucket, count and sum by itself, and together still a histogram', async (t) => {
  const { bounds } = METRICS.storeLatency
  const at = layout.at('storeLatency', { operation: 'batch' })
  const seconds = fc.double({ min: 0, max: 8, noNaN: true })
  const check = () =>
    fc.assert(
      fc.property(step, fc.array(fc.array(seconds, { maxLength: 60 }), { maxLength: 8 }), (step, intervals) => {
        const tally = new Tally(layout)
        const observed: number[] = []
        let published = new Float64Array(layout.length)
        for (const values of intervals) {
          for (const value of values) tally.observe(at, bounds, value)
          observed.push(...values)
          const next = stepPage(layout, published, toPage(layout, tally.values), step)
          const truths = [...bounds.map((bound) => observed.filter((value) => value <= bound).length), observed.length]
          for (const [i, truth] of truths.entries()) {
            const now = next[at + i] as number
            if (now % step !== 0 || now > truth || truth - now >= step) throw new Error(`bucket ${i}: ${now}, ${truth}`)
            if (i > 0 && now < (next[at + i - 1] as number)) throw new Error('a bucket holds less than a smaller one')
          }
          const sumStep = step * METRICS.storeLatency.grain
          const sum = next[at + truths.length] as number
          const truth = observed.reduce((total, value) => total + value, 0)
          if (sum % sumStep !== 0 || Math.abs(truth - sum) >= sumStep + 1e-9) throw new Error(`sum ${sum}, ${truth}`)
          for (let i = at; i <= at + truths.length; i++) {
            if ((next[i] as number) < (published[i] as number)) throw new Error('went back')
          }
          published = Float64Array.from(next)
        }
      }),
      { numRuns: 300 },
    )
  t.doesNotThrow(check, 'no counterexample')
})

test('published gauges are multiples of the step and less than one step off', async (t) => {
  const quantum = fc.oneof(
    step,
    step.map((value) => value * 2 ** -14),
  )
  const check = () =>
    fc.assert(
      fc.property(
        quantum,
        fc.array(fc.integer({ min: 0, max: 2 ** 20 }).map((value) => value / 1024)),
        (quantum, truths) => {
          let published = 0
          for (const truth of truths) {
            const next = stepGauge(published, truth, quantum)
            if (next % quantum !== 0 || next < 0 || Math.abs(truth - next) >= quantum)
              throw new Error(`${next}, ${truth}`)
            if (Math.abs(truth - published) < quantum && next !== published)
              throw new Error('moved for less than a step')
            published = next
          }
          if (stepGauge(published, 0, quantum) !== 0 && published !== 0) throw new Error('nothing is not nothing')
        },
      ),
    )
  t.doesNotThrow(check, 'no counterexample')
})

test('examples', async (t) => {
  t.strictSame(
    [0, 1, 15, 16, 17, 31, 32].map((truth) => stepCounter(0, truth, 16)),
    [0, 0, 0, 16, 16, 16, 32],
  )
  t.equal(stepCounter(32, 20, 16), 32, 'never back')
  t.strictSame(
    [0, 15, 16, 31, 32, 33, 48].map((truth) => stepGauge(0, truth, 16)),
    [0, 0, 16, 16, 32, 32, 48],
  )
  t.strictSame(
    [48, 33, 32, 31, 17, 16, 15, 0].map((truth) => stepGauge(48, truth, 16)),
    [48, 48, 32, 32, 32, 16, 16, 0],
  )
})
