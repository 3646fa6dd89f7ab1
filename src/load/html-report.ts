import { type ChartLine, escapeText, renderChart } from './chart.ts'
import type { Moment } from './measurements.ts'
import type { Report } from './report.ts'
import type { Judgement } from './slo.ts'
import { countRows, describePlan, format, formatMs, percent, SERIES_NAMES } from './text-report.ts'

const BLUE = '#3b82c4'
const ORANGE = '#d9822b'
const GREY = '#8a94a0'

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --bad: #c23b3b; --good: #2e8b57 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; margin-bottom: 0 } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); text-align: right; font-weight: normal }
th:first-child, td:first-child, td.remark { text-align: left } td.remark { opacity: .7 } thead th { opacity: .7 }
.bad { color: var(--bad); font-weight: 600 } .good { color: var(--good) }
figure { margin: 1.2rem 0 } figcaption { margin-bottom: .3rem } svg { width: 100%; height: auto }
svg text { font: 11px system-ui, sans-serif; fill: currentColor; opacity: .75 } .grid { stroke: var(--line) }
.key { margin-left: 1rem; opacity: .85 } .key span { display: inline-block; width: .8rem; height: .2rem; margin-right: .3rem; vertical-align: middle }
.warning { border-left: 4px solid var(--bad); padding-left: 1rem }`

/** Names of counts that must be nothing. */
const MUST_BE_ZERO = new Set([
  'lost',
  'duplicated',
  'misdelivered',
  'corrupted',
  'out of order',
  'unexpected',
  'outstanding',
])

/** The report as one page that needs no network, no script and no other file. */
export function renderHtml(report: Report, judgements: readonly Judgement[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>lethe load: ${escapeText(report.plan.urls.join(' '))}</title><style>${STYLE}</style></head><body>
<h1>lethe load ${escapeText(report.plan.urls.join(' '))}</h1>
<p>${escapeText(describePlan(report))}</p>
${bottleneck(report)}
<h2>Thresholds</h2>
${judgementTable(judgements)}
<h2>Envelopes</h2>
${countTable(report)}
<h2>Latencies</h2>
<p>Milliseconds, counted from when a deposit was due.</p>
${latencyTable(report)}
${charts(report)}
<h2>Tester</h2>
${testerTable(report)}
</body></html>
`
}

function bottleneck({ ownLimits, notes }: Report): string {
  const own = ownLimits.map((limit) => `<li>${escapeText(limit)}</li>`).join('')
  const warning =
    own && `<div class="warning"><p>The tester, not the relay, was the bottleneck:</p><ul>${own}</ul></div>`
  return warning + notes.map((note) => `<p>${escapeText(note)}.</p>`).join('')
}

function judgementTable(judgements: readonly Judgement[]): string {
  const rows = judgements.map(
    ({ threshold, isKept, measured }) =>
      `<tr><td>${escapeText(threshold.text)}</td><td>${escapeText(measured)}</td><td class="${isKept ? 'good' : 'bad'}">${isKept ? 'kept' : 'missed'}</td></tr>`,
  )
  return `<table><tbody>${rows.join('')}</tbody></table>`
}

function countTable(report: Report): string {
  const rows = countRows(report).map(([name, count, remark]) => {
    const isBad = MUST_BE_ZERO.has(name) && count > 0
    return `<tr><td>${escapeText(name)}</td><td${isBad ? ' class="bad"' : ''}>${format(count)}</td><td class="remark">${escapeText(remark)}</td></tr>`
  })
  return `<table><tbody>${rows.join('')}</tbody></table>`
}

function latencyTable({ latencies }: Report): string {
  const names = Object.keys(latencies.accept.percentilesMs)
  const head = ['', ...names, 'max', 'mean', 'count'].map((name) => `<th>${name}</th>`).join('')
  const rows = Object.entries(SERIES_NAMES).map(([series, name]) => {
    const { count, percentilesMs, maxMs, meanMs } = latencies[series as keyof typeof SERIES_NAMES]
    const cells = [...names.map((each) => percentilesMs[each] ?? 0), maxMs, meanMs]
    const shown = cells.map((ms) => `<td>${count > 0 ? formatMs(ms) : '–'}</td>`).join('')
    return `<tr><td>${escapeText(name)}</td>${shown}<td>${format(count)}</td></tr>`
  })
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function charts(report: Report): string {
  const { moments, latencies } = report
  const line = (name: string, color: string, of: (moment: Moment) => number | undefined): ChartLine => ({
    name,
    color,
    points: moments.flatMap((moment) => {
      const value = of(moment)
      return value === undefined ? [] : [[moment.atSeconds, value] as const]
    }),
  })
  const curve = (name: string, color: string, series: 'accept' | 'delivery'): ChartLine => ({
    name,
    color,
    points:
      latencies[series].count > 0 ? latencies[series].curve.map(([share, ms]) => [nines(share), ms] as const) : [],
  })
  const seconds = { xLabel: 'seconds since the schedule began' }
  return [
    renderChart({
      title: 'Envelopes a second',
      ...seconds,
      yLabel: 'a second',
      lines: [
        line('sent', GREY, ({ sent }) => sent),
        line('accepted', BLUE, ({ accepted }) => accepted),
        line('delivered', ORANGE, ({ delivered }) => delivered),
      ],
    }),
    renderChart({
      title: 'Deposit to delivered, second by second',
      ...seconds,
      yLabel: 'ms',
      isLogarithmic: true,
      lines: [line('p50', BLUE, ({ p50Ms }) => p50Ms), line('p99', ORANGE, ({ p99Ms }) => p99Ms)],
    }),
    renderChart({
      title: 'All latencies by percentile',
      xLabel: 'percentile',
      yLabel: 'ms',
      isLogarithmic: true,
      xMarks: [0, 0.5, 0.9, 0.99, 0.999, 0.9999].map(
        (share) => [nines(share), `${+(share * 100).toFixed(3)}`] as const,
      ),
      lines: [curve('accepted', BLUE, 'accept'), curve('delivered', ORANGE, 'delivery')],
    }),
    renderChart({
      title: 'Processor of the busiest worker',
      ...seconds,
      yLabel: '% of one',
      lines: [line('busiest worker', GREY, ({ cpu }) => cpu * 100)],
    }),
  ].join('\n')
}

/** How many nines a share has: 0.99 is 2. So far to the right it stands. */
function nines(share: number): number {
  return -Math.log10(1 - share)
}

function testerTable({ tester, connections }: Report): string {
  const rows: [string, string][] = [
    [
      'busiest worker',
      `${percent(tester.cpuMax)} of a processor in its busiest second, ${percent(tester.cpuMean)} on average`,
    ],
    [
      'event loop',
      `late by ${formatMs(tester.loopDelayP99Ms)} ms at most in 99 % of the seconds, ${formatMs(tester.loopDelayMaxMs)} ms once`,
    ],
    [
      'machine',
      `${tester.processors} processors (${tester.model}), ${percent(tester.machineCpuMean)} busy; Node ${tester.node}`,
    ],
    [
      'connections',
      `${format(connections.depositConnects)} to deposit, ${format(connections.mailboxConnects)} to mailboxes, ${format(connections.reconnects)} of them again; ${format(connections.failures)} attempts failed`,
    ],
    ...Object.entries(connections.ends).map(([end, count]): [string, string] => [`ended: ${end}`, format(count)]),
  ]
  const cells = rows.map(
    ([name, value]) => `<tr><td>${escapeText(name)}</td><td class="remark">${escapeText(value)}</td></tr>`,
  )
  return `<table><tbody>${cells.join('')}</tbody></table>`
}
