import { frameTree, topFunctions } from '../../ops/bench/profile-shares.ts'
import type { Results } from '../../ops/bench/results.ts'
import type { Measure, Sample } from '../../ops/bench/sample.ts'
import { spreadOf } from '../../ops/bench/statistics.ts'
import type { SystemName } from '../../ops/bench/systems.ts'
import { renderTargets, targetsOf } from '../../ops/bench/targets.ts'
import { test } from '../_util/tap.ts'

const outcome = { sent: 1, accepted: 1, refused: 0, delivered: 1, duplicated: 0, misdelivered: 0 }

function sample(system: SystemName, measure: Measure, cpuMicroseconds: number[]): Sample {
  const figures = { messages: 1, messagesPerSecond: 1, residentBytes: [], serverBusy: 1, clientBusy: 1 }
  return { system, measure, cpuMicroseconds, ...figures, outcome }
}

function resultsOf(samples: Sample[]): Results {
  const provenance = {} as Results['provenance']
  return { provenance, samples, idleMemory: [], reconnects: [], redisMemory: [], crowded: [], growth: [] }
}

test('a target is judged by the ratio of medians, with the stores counted where they belong [C3]', (t) => {
  const rows = targetsOf(
    resultsOf([
      sample('aedes', 'online-saturated', [50]),
      sample('aedes', 'online-saturated', [60]),
      sample('aedes', 'online-saturated', [70]),
      sample('ws-echo', 'online-saturated', [40]),
      sample('lethe-redis', 'online-saturated', [60, 20]),
      sample('lethe-redis', 'online-saturated', [50, 10]),
      sample('lethe-redis', 'online-saturated', [55, 11]),
    ]),
  )
  const [aedes, nats, echo] = rows
  t.match(aedes, { measured: { ratio: 66 / 60, min: 66 / 70, max: 80 / 50, rounds: 3 }, isMet: false })
  t.match(aedes, { remark: /floor 1.30: met/ })
  t.equal(nats?.isMet, undefined, 'what was not measured is neither met nor missed')
  t.match(echo, { measured: { ratio: 55 / 40, rounds: 1 }, isMet: true }, 'the relay without its Redis')
  const text = renderTargets(rows)
  t.match(text, '1.10 (0.94–1.60) | 3 | **not met**')
  t.match(text, 'not measured')
  t.end()
})

test('nobody may be refused for good, however fast the others were [C3]', (t) => {
  const storm = { seconds: 1, p50Ms: 1, p99Ms: 1, retries: 0, failed: 0 }
  const verdict = (failed: number) =>
    targetsOf({ ...resultsOf([]), reconnects: [{ bare: storm, relay: { ...storm, failed } }] }).at(-1)?.isMet
  t.equal(verdict(0), true)
  t.equal(verdict(1), false)
  t.end()
})

test('spread of an even and an odd number of rounds', (t) => {
  t.strictSame(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3, rounds: 3 })
  t.strictSame(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4, rounds: 4 })
  t.end()
})

test('shares of a profile leave idle time out and add up what one function does in several places [C4]', (t) => {
  const node = (id: number, functionName: string, url: string, children: number[]) => ({
    id,
    callFrame: { functionName, url, scriptId: '0', lineNumber: 0, columnNumber: 0 },
    children,
  })
  const seal = 'file:///somewhere/build/src/mailbox/sealing.js'
  const tree = frameTree({
    nodes: [
      node(1, '(root)', '', [2, 3, 4]),
      node(2, 'seal', seal, []),
      node(3, 'receive', 'file:///somewhere/node_modules/ws/lib/receiver.js', [5]),
      node(4, '(idle)', '', []),
      node(5, 'seal', seal, []),
    ],
    samples: [2, 3, 5, 4],
    timeDeltas: [10, 20, 30, 1_000],
    startTime: 0,
    endTime: 1_060,
  })
  t.equal(tree.total, 60)
  t.strictSame(topFunctions(tree, 2), [
    { name: 'seal', file: 'src/mailbox/sealing.ts', share: 40 / 60 },
    { name: 'receive', file: 'ws/lib/receiver.js', share: 20 / 60 },
  ])
  t.end()
})
