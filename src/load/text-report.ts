import type { Report } from './report.ts'
import type { Judgement } from './slo.ts'
import type { LatencySummary } from './summary.ts'

const COLUMNS = ['p50', 'p90', 'p95', 'p99', 'p99.9'] as const
const WIDTH = 10

/** What each row of latencies is, for people. */
export const SERIES_NAMES = {
  accept: 'deposit to accepted',
  delivery: 'deposit to delivered',
  open: 'connect to opened',
  drain: 'connect to drained',
  lag: 'due to sent (tester)',
} as const

/** The report as a table. */
export function renderText(report: Report, judgements: readonly Judgement[]): string {
  return [
    ...heading(report),
    '',
    ...counts(report),
    '',
    ...latencies(report),
    '',
    ...connections(report),
    ...tester(report),
    ...report.notes.map((note) => `Note: ${note}.`),
    '',
    ...judgements.map(
      ({ threshold, isKept, measured }) => `${isKept ? 'kept  ' : 'MISSED'}  ${threshold.text.padEnd(18)}  ${measured}`,
    ),
    '',
  ].join('\n')
}

/** What was done, in a line. */
export function describePlan({ plan, sentSeconds, isStopped }: Report): string {
  const { rate, senders, recipients, sizes, ttls, transport, workers } = plan
  const how = `${format(rate)} deposits a second over ${transport}, ${plan.arrivals === 'poisson' ? 'at random times' : 'at equal intervals'}`
  const who = `${format(senders)} senders, ${format(recipients)} recipients, ${workers} ${workers === 1 ? 'worker' : 'workers'}`
  const what = `${sizes.map(format).join(' or ')} bytes, kept for ${ttls.map(format).join(' or ')} s at most`
  const long = `${sentSeconds.toFixed(sentSeconds < 10 ? 1 : 0)} s${isStopped ? ' (ended early)' : ''}`
  return `${long}: ${how}; ${who}; ${what}`
}

function heading(report: Report): string[] {
  return ['', `lethe load  ${report.plan.urls.join(' ')}`, describePlan(report)]
}

/** Names and numbers of what became of the envelopes. */
export function countRows({ account, refusals, neverSent, rates }: Report): [string, number, string][] {
  const perSecond = (rate: number) => `${rate.toFixed(1)} a second`
  return [
    ['sent', account.sent, perSecond(rates.offered)],
    ['accepted', account.accepted, perSecond(rates.accepted)],
    ...Object.entries(refusals).map(([name, count]): [string, number, string] => [`refused, ${name}`, count, '']),
    ['unsure', account.unsure + account.unanswered, 'no answer in time: may arrive, need not'],
    ['never sent', neverSent, 'due, and no sender had room'],
    ['delivered', account.delivered, perSecond(rates.delivered)],
    ['expired', account.expired, 'before anybody read the mailbox, as meant'],
    ['redelivered', account.redelivered, 'again after a lost connection, as may be'],
    ['outstanding', account.outstanding, 'not read in time: not known whether lost'],
    ['lost', account.lost, ''],
    ['duplicated', account.duplicated, ''],
    ['misdelivered', account.misdelivered, ''],
    ['corrupted', account.corrupted, ''],
    ['out of order', account.outOfOrder, ''],
    ['unexpected', account.unexpected, 'delivered though refused'],
  ]
}

const ALWAYS = new Set([
  'sent',
  'accepted',
  'delivered',
  'lost',
  'duplicated',
  'misdelivered',
  'corrupted',
  'out of order',
])

function counts(report: Report): string[] {
  return countRows(report)
    .filter(([name, count]) => ALWAYS.has(name) || count > 0)
    .map(([name, count, remark]) => `${name.padEnd(24)}${format(count).padStart(12)}  ${remark}`.trimEnd())
}

function latencies({ latencies: all }: Report): string[] {
  const head = [...COLUMNS, 'max', 'count'].map((name) => name.padStart(WIDTH)).join('')
  const rows = Object.entries(SERIES_NAMES).map(([series, name]) => {
    const summary = all[series as keyof typeof SERIES_NAMES]
    return `${name.padEnd(24)}${latencyCells(summary)
      .map((cell) => cell.padStart(WIDTH))
      .join('')}`
  })
  return [`${'milliseconds'.padEnd(24)}${head}`, ...rows]
}

function latencyCells({ count, percentilesMs, maxMs }: LatencySummary): string[] {
  if (count === 0) return [...COLUMNS.map(() => '-'), '-', '0']
  return [...COLUMNS.map((name) => formatMs(percentilesMs[name] ?? 0)), formatMs(maxMs), format(count)]
}

function connections({
  connections: { depositConnects, mailboxConnects, reconnects, failures, ends },
}: Report): string[] {
  const why = Object.entries(ends).map(([name, count]) => `${name}: ${format(count)}`)
  const again = `${format(reconnects)} of them again, ${format(failures)} attempts failed`
  return [
    `Connections: ${format(depositConnects)} to deposit, ${format(mailboxConnects)} to mailboxes; ${again}.`,
    ...(why.length > 0 ? [`Ended by the relay or the network: ${why.join(', ')}.`] : []),
  ]
}

function tester({ tester: { cpuMax, loopDelayP99Ms, machineCpuMean }, ownLimits }: Report): string[] {
  const worker = `busiest worker ${percent(cpuMax)} of a processor, event loop late by ${loopDelayP99Ms.toFixed(1)} ms at most in 99 % of the seconds`
  return [
    `Tester: ${worker}; this machine ${percent(machineCpuMean)} busy.`,
    ...(ownLimits.length === 0
      ? ['The tester kept its schedule: what is measured is the relay and the way to it.']
      : ['THE TESTER, NOT THE RELAY, WAS THE BOTTLENECK:', ...ownLimits.map((limit) => `- ${limit}`)]),
  ]
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

export function format(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 2 })
}

/** Milliseconds with three digits that count. */
export function formatMs(ms: number): string {
  if (ms >= 100) return Math.round(ms).toLocaleString('en-US')
  return ms.toFixed(ms >= 10 ? 1 : 2)
}
