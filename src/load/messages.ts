import type { Account } from './account.ts'
import type { PackedHistogram } from './latencies.ts'
import type { LoadPlan } from './plan.ts'
import type { Target } from './target.ts'

/** From the run to the ledger. Times in milliseconds since the run's beginning. */
export type LedgerCommand =
  | { kind: 'listen'; path: string; beganMs: number }
  | { kind: 'account'; id: number; isFinal: boolean }
  | { kind: 'owed'; id: number }
  | { kind: 'isReadSince'; id: number; sinceMs: number }

export type LedgerMessage =
  | { kind: 'listening' }
  /** All that the worker told before this mark has been noted. */
  | { kind: 'mark'; worker: number; mark: number }
  /** `quietMs`: since something arrived last. */
  | { kind: 'account'; id: number; account: Account; quietMs: number }
  | { kind: 'owed'; id: number; mailboxes: number[] }
  | { kind: 'isReadSince'; id: number; isRead: boolean }

/** Everything a worker is told before anything else. */
export interface WorkerSetup {
  readonly plan: LoadPlan
  readonly targets: readonly Target[]
  readonly worker: number
  /** Its recipients are the mailboxes from this index on. */
  readonly firstMailbox: number
  readonly recipients: number
  readonly senders: number
  /** Longest lifetime that every relay grants, in seconds. */
  readonly maxTtlSeconds: number
  /** Deposits a second of this worker. */
  readonly rate: number
  readonly runId: Uint8Array
  readonly ledgerPath: string
  /** On the shared clock. */
  readonly beganMs: number
}

/** From the run to a worker. */
export type WorkerCommand =
  | { kind: 'setup'; setup: WorkerSetup }
  /** Addresses of all mailboxes, 32 bytes each: recipients who are not away open theirs, senders connect. */
  | { kind: 'connect'; addresses: Uint8Array }
  /** The schedule begins at this moment of the shared clock. */
  | { kind: 'start'; startMs: number }
  /** No further deposits. */
  | { kind: 'endSending' }
  | { kind: 'depart'; share: number; awaySeconds: number; who: 'recipients' | 'senders' }
  /** Everybody comes, nobody is slow. */
  | { kind: 'gather' }
  /** These mailboxes are opened anew. */
  | { kind: 'reopen'; mailboxes: number[] }
  | { kind: 'mark'; mark: number }
  | { kind: 'end' }

/** What happened to a worker's connections since the run began. */
export interface ConnectionCounts {
  /** Connections that were made, and mailboxes that were opened. */
  depositConnects: number
  mailboxConnects: number
  /** Of those, again after a connection was lost. */
  reconnects: number
  /** Connections that could not be made. */
  failures: number
  /** How connections ended that the tester did not end itself: close code, or what happened. */
  ends: Record<string, number>
}

/** How a worker itself fared in one interval. */
export interface WorkerHealth {
  /** Share of one processor, 0 to 1. */
  cpu: number
  /** Share of all processors of this machine that anything used, 0 to 1. */
  machineCpu: number
  /** Longest and 99th percentile of how much later than asked its timers ran, in milliseconds. */
  loopDelayP99Ms: number
  loopDelayMaxMs: number
  /** Deposits that are due and wait: for a connection, or because too many are unanswered. */
  waiting: number
  /** Whether they wait because no sender has room. */
  isBlocked: boolean
  memoryBytes: number
}

/** What a worker measured in one interval. */
export interface WorkerInterval {
  readonly sent: number
  readonly accepted: number
  readonly delivered: number
  readonly refused: number
  /** From when it was due to the relay's answer. */
  readonly accept: PackedHistogram
  /** From when it was due to its arrival, where the recipient was there before it was due. */
  readonly delivery: PackedHistogram
  /** From beginning to connect to OPENED. */
  readonly open: PackedHistogram
  /** From beginning to connect to DRAINED. */
  readonly drain: PackedHistogram
  /** From when a deposit was due to when it was handed to its connection, where nothing but the tester held it back. */
  readonly lag: PackedHistogram
  readonly health: WorkerHealth
  readonly connections: ConnectionCounts
}

export type WorkerMessage =
  | { kind: 'addresses'; addresses: Uint8Array }
  | { kind: 'connected' }
  | { kind: 'interval'; interval: WorkerInterval }
  /** Nothing more is sent, and everything is answered or given up. */
  | { kind: 'sendingEnded'; neverSent: number }
