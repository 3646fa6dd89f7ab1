import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProgressView } from '../../src/cli/load-progress.ts'
import type { Account } from '../../src/load/account.ts'
import { renderHtml } from '../../src/load/html-report.ts'
import { Measurements } from '../../src/load/measurements.ts'
import type { WorkerInterval } from '../../src/load/messages.ts'
import { checkPlan, DEFAULT_PLAN } from '../../src/load/plan.ts'
import { readProfile, shippedProfiles } from '../../src/load/profile.ts'
import { createReport, type Report } from '../../src/load/report.ts'
import { DEFAULT_SLO, judge, parseSlo } from '../../src/load/slo.ts'
import { renderText } from '../../src/load/text-report.ts'
import { test } from '../_util/tap.ts'

const ACCOUNT: Account = {
  sent: 1_000,
  accepted: 990,
  refused: { 9: 3, 7: 2, 8: 1 },
  unsure: 3,
  unanswered: 1,
  delivered: 980,
  deliveredUnsure: 1,
  outstanding: 2,
  lost: 3,
  expired: 1,
  duplicated: 1,
  redelivered: 4,
  misdelivered: 2,
  corrupted: 1,
  outOfOrder: 1,
  unexpected: 0,
}

function interval(cpu: number): WorkerInterval {
  const packed = new Float64Array([1_000, 98, 40_000, 2])
  return {
    ...{ sent: 100, accepted: 99, delivered: 98, refused: 1 },
    ...{ accept: packed, delivery: packed, open: packed, drain: new Float64Array(), lag: new Float64Array([200, 100]) },
    health: {
      ...{ cpu, machineCpu: 0.5, loopDelayP99Ms: 1, loopDelayMaxMs: 2, memoryBytes: 5e7 },
      ...{ waiting: 3, isBlocked: true },
    },
    connections: { depositConnects: 5, mailboxConnects: 6, reconnects: 1, failures: 2, ends: { 'refused 429': 2 } },
  }
}

function reportOf(cpu = 0.3, account = ACCOUNT): Report {
  const measurements = new Measurements()
  measurements.start()
  for (let i = 0; i < 5; i++) measurements.take(0, interval(cpu))
  measurements.stop()
  const plan = { ...DEFAULT_PLAN, urls: ['http://127.0.0.1:8080/<&>'] }
  return createReport({ plan, infos: [], account, measurements, neverSent: 7, isStopped: false, deadWorkers: 0 })
}

test('thresholds are read, and the later of two holds', async (t) => {
  t.match(parseSlo(`${DEFAULT_SLO},loss=2,p99=1.5s,accept-p50=800us,refused=1%,rate=100`), [
    { name: 'loss', limit: 2, unit: 'count' },
    ...['duplicated', 'misdelivered', 'corrupted', 'out-of-order', 'unexpected'].map((name) => ({ name, limit: 0 })),
    { name: 'p99', limit: 1_500, unit: 'ms' },
    { name: 'accept-p50', limit: 0.8, unit: 'ms' },
    { name: 'refused', limit: 0.01, unit: 'share' },
    { name: 'rate', limit: 100, unit: 'per second' },
  ])
  for (const bad of [
    '',
    'p99',
    'p99=50',
    'p98=5ms',
    'loss=x',
    'loss=1ms',
    'rate=5%',
    'lost=0',
    'loss=0=1',
    'toString=1',
  ]) {
    t.throws(() => parseSlo(bad), { name: 'SloError' }, bad)
  }
})

test('thresholds are kept or missed by what was measured', async (t) => {
  const kept = (slo: string) => judge(reportOf(), parseSlo(slo)).map(({ isKept }) => isKept)
  t.same(kept('p50=2ms,p99=2ms,max=50ms,max=30ms,mean=2ms'), [true, false, false, true])
  t.same(kept('loss=5'), [true], 'outstanding ones are not shown to be there')
  t.same(kept('loss=4,duplicated=0,refused=6,refused=0.5%,unsure=4,never-sent=6'), [false, false, false, true, false])
  t.same(kept('refused=6,rate=33,p99.9=41ms'), [true, true, true])
  t.same(kept('rate=34,drain-p99=1s'), [false, false], 'nothing measured is nothing kept')
})

test('the table holds every count, latency and limit', async (t) => {
  const report = reportOf(0.99)
  const text = renderText(report, judge(report, parseSlo('loss=0')))
  for (const line of [
    /^sent +1,000 /m,
    /^refused, ERR_RATE_LIMITED +3$/m,
    /^refused, ERR_MAILBOX_FULL +2$/m,
    /^unsure +4 /m,
    /^outstanding +2 /m,
    /^lost +3$/m,
    /^misdelivered +2$/m,
    /^out of order +1$/m,
    /^deposit to delivered +1\.00 +1\.00 /m,
    /^connect to drained +- /m,
    /THE TESTER, NOT THE RELAY, WAS THE BOTTLENECK:\n- a worker used 99 % of a processor/,
    /^Note: the relay limits this tester \(429\)/m,
    /^Note: the relay refused 1 deposits for the time being \(503\)/m,
    /^Note: in 5 seconds deposits waited/m,
    /^Note: 7 deposits were due and never sent/m,
    /^MISSED {2}loss=0 +5$/m,
  ]) {
    t.match(text, line)
  }
  t.match(renderText(reportOf(), []), /The tester kept its schedule/)
})

test('the page needs nothing but itself, and is well formed', async (t) => {
  const report = reportOf()
  const html = renderHtml(report, judge(report, parseSlo('p99=50ms,loss=0')))
  t.notMatch(html, /<script|<link|<img|<iframe|@import|url\(|src=|href=|\son\w+=/i)
  t.match(html, /Content-Security-Policy" content="default-src 'none'/)
  t.notMatch(html, '/<&>', 'what was given is text')
  t.match(html, '/&#60;&#38;&#62;')
  const charts = html.match(/<svg [\s\S]*?<\/svg>/g) ?? []
  t.equal(charts.length, 4)
  for (const chart of charts) {
    t.same(unbalanced(chart), [])
    const paths = [...chart.matchAll(/ d="([^"]*)"/g)].map(([, path]) => path as string)
    t.ok(
      paths.length > 0 && paths.every((path) => /^M-?[\d.]+ -?[\d.]+(L-?[\d.]+ -?[\d.]+)+$/.test(path)),
      'lines of numbers',
    )
    t.match(chart, /<title>[^<]+ at [^<]+: [^<]+<\/title>/)
  }
  const empty = createReport({
    ...{ plan: { ...DEFAULT_PLAN, urls: ['http://x'] }, infos: [], account: ACCOUNT, measurements: new Measurements() },
    ...{ neverSent: 0, isStopped: true, deadWorkers: 0 },
  })
  t.match(renderHtml(empty, []), /nothing was measured/)
  t.notMatch(renderHtml(empty, []), /NaN|Infinity|undefined/)
  t.notMatch(html, /NaN|Infinity|undefined/)
})

/** Tags that are not closed, or closed without being open. */
function unbalanced(svg: string): string[] {
  const open: string[] = []
  for (const [, slash, name = '', end] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (end === '/') continue
    if (slash !== '/') open.push(name)
    else if (open.pop() !== name) return [name]
  }
  return open
}

test('every shipped profile is a plan', async (t) => {
  t.same(shippedProfiles(), [
    'burst-after-outage',
    'full-mailboxes',
    'reconnect-storm',
    'slow-readers',
    'soak',
    'steady',
  ])
  for (const name of shippedProfiles()) {
    const { about, plan, slo } = readProfile(name)
    t.match(about, /^[A-Z].*\.$/)
    checkPlan({ ...DEFAULT_PLAN, ...plan, urls: ['http://x'] })
    if (slo !== undefined) t.ok(parseSlo(slo).length > 0)
  }
})

test('a profile that is wrong says where', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-profile-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'profile.json')
  const wrong: [string, RegExp][] = [
    ['{', /is not JSON$/],
    ['[]', /is not a JSON object/],
    ['{}', /"about"/],
    ['{"about":"x","rte":1}', /unknown field "rte"/],
    ['{"about":"x","rate":"1"}', /"rate"/],
    ['{"about":"x","slo":1}', /"slo"/],
    ['{"about":"x","departures":[{"atSeconds":1,"share":1,"awaySeconds":0,"who":"all"}]}', /"departures"/],
    ['{"about":"x","constructor":1}', /unknown field/],
  ]
  for (const [text, complaint] of wrong) {
    writeFileSync(file, text)
    t.throws(() => readProfile(file), complaint)
  }
  t.throws(() => readProfile('no-such'), /there are: burst-after-outage, /)
  t.throws(() => readProfile(join(folder, 'none.json')), { name: 'ProfileError' })
})

test('a plan that cannot be carried out names its field', async (t) => {
  const plan = { ...DEFAULT_PLAN, urls: ['http://x'] }
  checkPlan(plan)
  const wrong: [Partial<typeof plan>, string][] = [
    [{ urls: [] }, 'urls'],
    [{ rate: 0 }, 'rate'],
    [{ rate: Number.NaN }, 'rate'],
    [{ senders: 1.5 }, 'senders'],
    [{ rampSeconds: 31 }, 'rampSeconds'],
    [{ workers: 51 }, 'workers'],
    [{ offlineShare: 1.1 }, 'offlineShare'],
    [{ ttls: [] }, 'ttls'],
    [{ ttls: [-1] }, 'ttls'],
    [{ sizes: [1, 2, 3, 4, 5, 6, 7, 8, 9] }, 'sizes'],
    [{ departures: [{ atSeconds: 1, share: 0, awaySeconds: 0, who: 'senders' }] }, 'departures'],
    [{ departures: [{ atSeconds: 31, share: 1, awaySeconds: 0, who: 'senders' }] }, 'departures'],
  ]
  for (const [change, field] of wrong) t.throws(() => checkPlan({ ...plan, ...change }), { name: 'PlanError', field })
})

test('progress is written over again in a terminal, and line by line elsewhere', async (t) => {
  const shown = (isTTY: boolean): string => {
    let text = ''
    const measurements = new Measurements()
    measurements.start()
    for (let i = 0; i < 3; i++) measurements.take(0, interval(0.2))
    const view = new ProgressView({ isTTY, columns: 60, write: (piece) => (text += piece) }, 10)
    const progress = { phase: 'sending' as const, atSeconds: 5, account: ACCOUNT, measurements }
    view.show(progress)
    view.show(progress)
    view.clear()
    return text
  }
  const plain = shown(false).split('\n')
  t.equal(plain.length, 3)
  t.match(plain[0], /^5 s sending: sent 1000 accepted 990 delivered 980 outstanding 2 .* p50 1\.00 ms p99 40\.0 ms$/)
  const live = shown(true)
  t.equal(live.split('\u001b[6A\u001b[0J').length, 3, 'six lines, taken away twice')
  t.match(live, /█{20}·{20} 5 of 10 s/)
  const lines = live.split('\u001b[6A\u001b[0J')[0]?.trimEnd().split('\n') ?? []
  t.ok(lines.length === 6 && lines.every((line) => line.length < 60), 'no line wraps')
})
