import { ERRORS } from '../protocol/errors.ts'
import type { Account } from './account.ts'
import type { TesterHealth } from './measurements.ts'
import type { ConnectionCounts } from './messages.ts'
import type { LoadPlan } from './plan.ts'
import type { LatencySummary } from './summary.ts'

/** A worker that uses more of its processor than this cannot keep a schedule. */
const CPU_LIMIT = 0.85
/** Lateness in milliseconds that is the machine's own, whatever is tested. */
const LAG_FLOOR_MS = 5
/** Share of what a recipient waited that the tester's own lateness may be. */
const LAG_SHARE = 0.25
const LOOP_DELAY_MS = 20
/** Above this, processes of one machine wait for each other. */
const MACHINE_LIMIT = 0.95

interface Evidence {
  plan: Omit<LoadPlan, 'ca'>
  account: Account
  latencies: Readonly<Record<'lag' | 'delivery' | 'accept', LatencySummary>>
  tester: TesterHealth
  connections: ConnectionCounts
  neverSent: number
  deadWorkers: number
}

/** What limited the test besides the relay, and what limited the relay besides its speed. */
export function verdictOf(evidence: Evidence): { ownLimits: string[]; notes: string[] } {
  return { ownLimits: ownLimitsOf(evidence), notes: notesOf(evidence) }
}

function ownLimitsOf({ latencies, tester, deadWorkers }: Evidence): string[] {
  const limits: string[] = []
  const lagMs = latencies.lag.percentilesMs.p99 ?? 0
  const measuredMs = (latencies.delivery.count > 0 ? latencies.delivery : latencies.accept).percentilesMs.p99 ?? 0
  if (tester.cpuMax > CPU_LIMIT && tester.busySeconds > 0) {
    limits.push(
      `a worker used ${percent(tester.cpuMax)} of a processor, and more than 90 % in ${tester.busySeconds} seconds: give it more --workers, or more processors`,
    )
  }
  if (lagMs > LAG_FLOOR_MS && lagMs > measuredMs * LAG_SHARE) {
    limits.push(
      `deposits went out late: 99 % within ${lagMs.toFixed(1)} ms of when they were due, which is part of every latency here`,
    )
  }
  if (tester.loopDelayP99Ms > LOOP_DELAY_MS) {
    limits.push(
      `workers were held up: their event loops ran up to ${tester.loopDelayMaxMs.toFixed(0)} ms late (99 %: ${tester.loopDelayP99Ms.toFixed(0)} ms)`,
    )
  }
  if (deadWorkers > 0) limits.push(`${deadWorkers} workers ended before the test did; what they knew last is missing`)
  return limits
}

function notesOf({ plan, account, connections, tester, neverSent }: Evidence): string[] {
  const notes: string[] = []
  if (isLimited(account, connections)) {
    notes.push(
      'the relay limits this tester (429): exempt its address there, or what is measured is the limit (LETHE_ADMISSION)',
    )
  }
  const shed = account.refused[ERRORS.ERR_STORE_UNAVAILABLE.number] ?? 0
  if (shed > 0) {
    notes.push(
      `the relay refused ${shed} deposits for the time being (503): it was asked for more than it can do in time (LETHE_MAX_WAIT_MS), or its store failed; the first is counted there in lethe_refusals_total, cause "load"`,
    )
  }
  if (tester.machineCpuMean > MACHINE_LIMIT) {
    notes.push(
      `${percent(tester.machineCpuMean)} of this machine's processors were in use: if the relay runs here too, one waits for the other, so test from another machine`,
    )
  }
  if (tester.blockedSeconds > 0) {
    const what =
      plan.transport === 'ws' ? `${plan.inFlight} unanswered deposits for each` : 'one deposit at a time for each'
    notes.push(
      `in ${tester.blockedSeconds} seconds deposits waited because no sender had room (${what} of ${plan.senders} senders): the relay answers slower than it is asked, or there are too few --senders`,
    )
  }
  if (neverSent > 0) notes.push(`${neverSent} deposits were due and never sent`)
  if (account.outstanding > 0) {
    notes.push(
      `${account.outstanding} accepted envelopes were still outstanding when the time for the drain was up (--drain): whether they are lost is not known`,
    )
  }
  return notes
}

/** Whether the relay has said that it limits who is testing it. */
function isLimited({ refused }: Account, { ends }: ConnectionCounts): boolean {
  return (refused[ERRORS.ERR_RATE_LIMITED.number] ?? 0) > 0 || Object.keys(ends).some((name) => /429/.test(name))
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
