import type { Batch, Flow } from './clients/fleet.ts'
import type { Outcome } from './clients/ledger.ts'
import type { SystemName } from './systems.ts'

/** What is measured of each server. */
export const MEASURES = {
  'online-saturated': 'online, saturated',
  'online-paced': 'online, 3,000/s offered',
  store: 'offline: store',
  drain: 'offline: drain',
  'http-deposit': 'HTTP deposits, saturated',
  'half-rate': 'online, half of the top rate of the relay on Redis',
} as const

export type Measure = keyof typeof MEASURES

/** One figure of one round. */
export interface Sample {
  readonly system: SystemName
  readonly measure: Measure
  readonly messages: number
  readonly messagesPerSecond: number
  /** CPU time a message, in microseconds: the server itself, then each store behind it. */
  readonly cpuMicroseconds: readonly number[]
  readonly p50Ms?: number
  readonly p99Ms?: number
  /** In the order of `cpuMicroseconds`. */
  readonly residentBytes: readonly number[]
  /** Shares of one processor, 0 to 1. */
  readonly serverBusy: number
  readonly clientBusy: number
  readonly outcome: Outcome
}

/** @param result as the clients measured it */
export function sampleOf(system: SystemName, measure: Measure, result: Flow | Batch): Sample {
  const { messages, seconds, cpuMicroseconds, residentBytes, clientBusy, outcome } = result
  return {
    system,
    measure,
    messages,
    messagesPerSecond: messages / seconds,
    cpuMicroseconds: cpuMicroseconds.map((value) => value / messages),
    ...('p50Ms' in result && { p50Ms: result.p50Ms, p99Ms: result.p99Ms }),
    residentBytes,
    serverBusy: sum(cpuMicroseconds) / 1e6 / seconds,
    clientBusy,
    outcome,
  }
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
