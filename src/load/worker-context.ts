import type { SocketEnd } from './frame-socket.ts'
import { Latencies } from './latencies.ts'
import type { LedgerWriter } from './ledger-writer.ts'
import type { ConnectionCounts } from './messages.ts'
import type { LoadPlan } from './plan.ts'
import type { BodyPool } from './stamp.ts'
import type { Target } from './target.ts'

/** Relay errors that say that the tester itself is being limited. */
export interface Tallies {
  sent: number
  accepted: number
  refused: number
  delivered: number
}

/** What senders and recipients of one worker share. */
export interface WorkerContext {
  readonly plan: LoadPlan
  readonly targets: readonly Target[]
  readonly worker: number
  readonly runId: Buffer
  /** Four bytes that all frames of this worker are masked with. */
  readonly mask: Buffer
  readonly pool: BodyPool
  readonly ledger: LedgerWriter
  readonly connections: ConnectionCounts
  readonly tallies: Tallies
  readonly latencies: Readonly<Record<'accept' | 'delivery' | 'open' | 'drain' | 'lag', Latencies>>
  /** On the shared clock, what is due before is not counted in the latencies; infinite until the schedule begins. */
  measuredFromMs: number
  nextLocalAddress(): string | undefined
}

export function createLatencies(): WorkerContext['latencies'] {
  return {
    accept: new Latencies(),
    delivery: new Latencies(),
    open: new Latencies(),
    drain: new Latencies(),
    lag: new Latencies(),
  }
}

/** Counts a connection that ended by itself. */
export function countEnd(counts: ConnectionCounts, end: SocketEnd, httpStatus: number | undefined): void {
  const isFailure = end === 'unreachable' || end === 'refused' || end === 'timeout'
  if (isFailure) counts.failures++
  const name = end === 'refused' && httpStatus ? `refused ${httpStatus}` : String(end)
  counts.ends[name] = (counts.ends[name] ?? 0) + 1
}
