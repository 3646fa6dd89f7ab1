import type { Report } from './report.ts'

/** One threshold of a run: the name, how it was written, and the most (of `rate` the least) that keeps it. */
export interface Threshold {
  readonly name: string
  /** As it was given: `p99=50ms`. */
  readonly text: string
  readonly limit: number
  readonly unit: 'ms' | 'count' | 'share' | 'per second'
}

/** A threshold and what the run made of it. */
export interface Judgement {
  readonly threshold: Threshold
  readonly isKept: boolean
  /** What was measured, for people. */
  readonly measured: string
}

/** What holds where nothing else is said: a relay that does its work does none of these. */
export const DEFAULT_SLO = 'loss=0,duplicated=0,misdelivered=0,corrupted=0,out-of-order=0,unexpected=0'

/** Its message is a sentence for people. */
export class SloError extends Error {
  override readonly name = 'SloError'
}

type CountOf = (report: Report) => { count: number; of: number }

const COUNTS: Readonly<Record<string, CountOf>> = {
  // What could not be read in time was not shown to be there.
  loss: ({ account }) => ({ count: account.lost + account.outstanding, of: account.accepted }),
  duplicated: ({ account }) => ({ count: account.duplicated, of: account.accepted }),
  redelivered: ({ account }) => ({ count: account.redelivered, of: account.accepted }),
  misdelivered: ({ account }) => ({ count: account.misdelivered, of: account.accepted }),
  corrupted: ({ account }) => ({ count: account.corrupted, of: account.accepted }),
  'out-of-order': ({ account }) => ({ count: account.outOfOrder, of: account.accepted }),
  unexpected: ({ account }) => ({ count: account.unexpected, of: account.accepted }),
  expired: ({ account }) => ({ count: account.expired, of: account.accepted }),
  refused: ({ account, refusals }) => ({
    count: Object.values(refusals).reduce((sum, count) => sum + count, 0),
    of: account.sent,
  }),
  unsure: ({ account }) => ({ count: account.unsure + account.unanswered, of: account.sent }),
  'never-sent': ({ account, neverSent }) => ({ count: neverSent, of: account.sent + neverSent }),
}

const LATENCY = /^(?:(accept|delivery|open|drain)-)?(p50|p75|p90|p95|p99|p99\.9|p99\.99|max|mean)$/

/** The names that a threshold can have, for people. */
export const SLO_NAMES = `p50 p75 p90 p95 p99 p99.9 p99.99 max mean (of deliveries; accept-p99, open-p99, drain-p99 and so on of others), ${Object.keys(COUNTS).join(' ')} (numbers, or shares like 1%), rate (at least so many accepted a second)`

/**
 * Reads `p99=50ms,loss=0`. Of two with the same name the later one holds.
 * @throws SloError with a sentence for people
 */
export function parseSlo(text: string): Threshold[] {
  const thresholds = new Map<string, Threshold>()
  for (const part of text.split(',')) {
    const [name = '', value = '', ...more] = part.trim().split('=')
    if (value === '' || more.length > 0) throw new SloError(`${JSON.stringify(part)} is not like p99=50ms or loss=0`)
    thresholds.set(name, { name, text: part.trim(), ...parseLimit(name, value) })
  }
  return [...thresholds.values()]
}

function parseLimit(name: string, value: string): Pick<Threshold, 'limit' | 'unit'> {
  if (LATENCY.test(name)) {
    const [, number, unit] = /^(\d+(?:\.\d+)?)(us|ms|s)$/.exec(value) ?? []
    if (number === undefined) throw new SloError(`${name} is compared with a time like 50ms, 1.5s or 800us`)
    return { limit: Number(number) * (unit === 's' ? 1_000 : unit === 'us' ? 0.001 : 1), unit: 'ms' }
  }
  if (name === 'rate') {
    if (!/^\d+(\.\d+)?$/.test(value)) throw new SloError('rate is compared with a number a second')
    return { limit: Number(value), unit: 'per second' }
  }
  if (!Object.hasOwn(COUNTS, name)) throw new SloError(`unknown name ${JSON.stringify(name)}; there are: ${SLO_NAMES}`)
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(value) ?? []
  if (number === undefined) throw new SloError(`${name} is compared with a number, or a share like 1%`)
  return percent === '%' ? { limit: Number(number) / 100, unit: 'share' } : { limit: Number(number), unit: 'count' }
}

/** What the run made of each threshold. A latency of which nothing was measured is not kept. */
export function judge(report: Report, thresholds: readonly Threshold[]): Judgement[] {
  return thresholds.map((threshold) => {
    const { name, limit } = threshold
    const latency = LATENCY.exec(name)
    if (latency !== null) return { threshold, ...judgeLatency(report, latency, limit) }
    if (name === 'rate') {
      const { accepted } = report.rates
      return { threshold, isKept: accepted >= limit, measured: `${accepted.toFixed(1)} a second` }
    }
    const { count, of } = (COUNTS[name] as CountOf)(report)
    if (threshold.unit === 'count') return { threshold, isKept: count <= limit, measured: String(count) }
    const share = of === 0 ? 0 : count / of
    return { threshold, isKept: share <= limit, measured: `${(share * 100).toFixed(3)} %` }
  })
}

function judgeLatency(report: Report, match: RegExpExecArray, limitMs: number): Omit<Judgement, 'threshold'> {
  const [, series = 'delivery', name = ''] = match
  const summary = report.latencies[series as 'accept' | 'delivery' | 'open' | 'drain']
  if (summary.count === 0) return { isKept: false, measured: 'nothing was measured' }
  const ms = name === 'max' ? summary.maxMs : name === 'mean' ? summary.meanMs : (summary.percentilesMs[name] as number)
  return { isKept: ms <= limitMs, measured: `${ms.toFixed(3)} ms` }
}
