import { availableParallelism, cpus } from 'node:os'
import type { RelayInfo } from '../client/index.ts'
import { errorCodeOf } from '../protocol/errors.ts'
import type { Account } from './account.ts'
import { type Measurements, type Moment, SERIES, type Series, type TesterHealth } from './measurements.ts'
import type { ConnectionCounts } from './messages.ts'
import type { LoadPlan } from './plan.ts'
import { type LatencySummary, summarize } from './summary.ts'
import { verdictOf } from './verdict.ts'

/** All that a run found. Plain data: what `--json` writes. */
export interface Report {
  readonly format: 'lethe load report'
  readonly version: 1
  /** Seconds in which deposits were sent. */
  readonly sentSeconds: number
  readonly plan: Omit<LoadPlan, 'ca'>
  readonly account: Account
  /** Refusals by the name of their error. */
  readonly refusals: Readonly<Record<string, number>>
  /** Due within the test and never sent, for want of a connection or of time. */
  readonly neverSent: number
  /** Envelopes a second over the time in which they were sent. */
  readonly rates: { readonly offered: number; readonly accepted: number; readonly delivered: number }
  readonly latencies: Readonly<Record<Series, LatencySummary>>
  readonly moments: readonly Moment[]
  readonly connections: ConnectionCounts
  readonly tester: TesterHealth & { readonly processors: number; readonly model: string; readonly node: string }
  /** What of all this is the tester's own doing, in sentences; empty where nothing is. */
  readonly ownLimits: readonly string[]
  /** What else has to be known to read the figures. */
  readonly notes: readonly string[]
  /** Whether it was ended before its time. */
  readonly isStopped: boolean
}

interface ReportParts {
  plan: LoadPlan
  infos: readonly RelayInfo[]
  account: Account
  measurements: Measurements
  neverSent: number
  isStopped: boolean
  deadWorkers: number
}

export function createReport(parts: ReportParts): Report {
  const { measurements, account, neverSent, isStopped } = parts
  const { ca: _, ...plan } = parts.plan
  const { moments } = measurements
  const sentSeconds = isStopped ? Math.min(plan.durationSeconds, moments.at(-1)?.atSeconds ?? 0) : plan.durationSeconds
  const perSecond = (count: number) => count / Math.max(0.001, sentSeconds)
  const latencies = Object.fromEntries(
    SERIES.map((series) => [series, summarize(measurements.histograms[series])]),
  ) as Record<Series, LatencySummary>
  const refusals: Record<string, number> = {}
  for (const [number, count] of Object.entries(account.refused)) {
    refusals[errorCodeOf(Number(number)) ?? `error ${number}`] = count
  }
  const tester = {
    ...measurements.health,
    processors: availableParallelism(),
    model: cpus()[0]?.model ?? 'unknown',
    node: process.version,
  }
  const { connections } = measurements
  return {
    format: 'lethe load report',
    version: 1,
    sentSeconds,
    plan,
    account,
    refusals,
    neverSent,
    rates: {
      offered: perSecond(account.sent + neverSent),
      accepted: perSecond(account.accepted),
      delivered: perSecond(account.delivered),
    },
    latencies,
    moments,
    connections,
    tester,
    ...verdictOf({ plan, account, latencies, tester, connections, neverSent, deadWorkers: parts.deadWorkers }),
    isStopped,
  }
}
