import { fileURLToPath } from 'node:url'
import type { LoadPlan } from '../../src/load/plan.ts'
import type { Report } from '../../src/load/report.ts'
import { type LoadRun, type RunOptions, startLoad } from '../../src/load/run.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import type { Test } from '../_util/tap.ts'

const PRELOAD = fileURLToPath(new URL('./planted-fault.js', import.meta.url))

/** The test runner gets into every Node by its options, which makes each of these processes start much slower. */
const LAUNCHER = ['env', '-u', 'NODE_OPTIONS']

/** On a machine that does other things as well a test is to wait, and not to be told to come back later. */
const PATIENT = { LETHE_MAX_WAIT_MS: '10000' }

/** A relay that ends with the test. */
export async function relayFor(t: Test, env: Readonly<Record<string, string>> = {}): Promise<Relay> {
  const relay = await startRelay({ ...PATIENT, ...env })
  t.teardown(() => relay.stop())
  return relay
}

/** A relay that does something wrong once in so many deposits, and what it has done wrong so far. */
export async function faultyRelay(
  t: Test,
  fault: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Relay & { planted(): number }> {
  const relay = await startRelay({ ...PATIENT, ...env, PLANTED_FAULT: fault }, ['--import', PRELOAD])
  t.teardown(() => relay.stop())
  return Object.assign(relay, { planted: () => relay.stderr().split('planted\n').length - 1 })
}

/** Begins a small load test, which ends with the test whatever happens. */
export async function beginLoad(t: Test, plan: Partial<LoadPlan>, options: RunOptions = {}): Promise<LoadRun> {
  const small = { rate: 200, durationSeconds: 2, senders: 4, recipients: 6, arrivals: 'fixed' } as const
  const run = await startLoad({ ...small, ...plan }, { workerLauncher: LAUNCHER, ledgerLauncher: LAUNCHER, ...options })
  t.teardown(() => run.stop().catch(() => undefined))
  return run
}

/** Carries out a small load test. */
export async function load(t: Test, plan: Partial<LoadPlan>, options: RunOptions = {}): Promise<Report> {
  return await (await beginLoad(t, plan, options)).finished
}

/** What a relay must never do, as counts; all nothing where it did none of it. */
export function violations({ account }: Report): Record<string, number> {
  const { lost, outstanding, duplicated, misdelivered, corrupted, outOfOrder, unexpected } = account
  const all = { lost, outstanding, duplicated, misdelivered, corrupted, outOfOrder, unexpected }
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0))
}
