import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadPlan } from '../../../src/load/plan.ts'
import type { Report } from '../../../src/load/report.ts'
import { type Berth, Fleet } from './fleet.ts'
import type { BugName } from './planted-bug.ts'
import { Scope } from './scope.ts'
import { Traffic } from './traffic.ts'

/** What a fault strikes. */
export interface World<Store> {
  readonly store: Store
  readonly fleet: Fleet
  readonly traffic: Traffic
  readonly scope: Scope
}

/** A store with what relays need to know of it. */
export interface Backing {
  readonly env: Readonly<Record<string, string>>
}

/** One row of the suite. */
export interface Fault<Store extends Backing = Backing> {
  /** As the table names it. */
  readonly name: string
  /** In the long form. */
  readonly rounds: number
  /** Of those of `planted-bug.ts` one that this fault must bring to light. */
  readonly bug: BugName
  /** What the time to recover counts from. */
  readonly since: string
  readonly plan?: Partial<LoadPlan>
  /** Whether what was accepted may be gone: where no copy of it is left, or its time is up. */
  readonly mayLose?: boolean
  /** Whether what came later may have overtaken what came before. */
  readonly mayReorder?: boolean
  /** Seconds within which all must be well again; 20 if not given. */
  readonly limitSeconds?: number
  openStore(scope: Scope): Promise<Store>
  /** Where relays run; two on this machine's loopback if not given. */
  berths?(scope: Scope, store: Store): Promise<readonly Berth[]>
  /** Strikes. @returns the moment, by `performance.now`, that the time to recover counts from */
  strike(world: World<Store>, round: number): Promise<number>
  /** Makes everything as it was, for the next round. */
  repair?(world: World<Store>, round: number): Promise<void>
  /** What else is wrong with an outcome. */
  complaints?(report: Report, world: World<Store>): readonly string[]
}

/** What came of a row. */
export interface Outcome {
  readonly name: string
  readonly since: string
  readonly rounds: number
  /** Whether what is lost had to be. */
  readonly mayLose: boolean
  readonly report: Report
  /** For each round; undefined where it was not well in time. */
  readonly recoveriesMs: readonly (number | undefined)[]
  /** What is wrong; empty where nothing is. */
  readonly problems: readonly string[]
}

export const LOOPBACK: Berth = { host: '127.0.0.1', launcher: [], env: {} }

const CALM_MS = 1_000
const LIMIT_SECONDS = 20
/** With a planted bug nobody is waited for so long. */
const BUG_LIMIT_SECONDS = 8
const BUG_PLAN = { drainSeconds: 8 }
const SPREAD_MS = 300
const PATIENCE_MS = 30_000

/** Faults differ in their stores, and whoever runs them does not care. */
export type AnyFault = { run(options: RunOptions): Promise<Outcome> } & Pick<Fault, 'name' | 'rounds' | 'bug'>

export interface RunOptions {
  readonly rounds: number
  readonly bug?: BugName
}

export function defineFault<Store extends Backing>(fault: Fault<Store>): AnyFault {
  return { name: fault.name, rounds: fault.rounds, bug: fault.bug, run: (options) => run(fault, options) }
}

async function run<Store extends Backing>(fault: Fault<Store>, { rounds, bug }: RunOptions): Promise<Outcome> {
  const scope = new Scope()
  const limitSeconds = bug === undefined ? (fault.limitSeconds ?? LIMIT_SECONDS) : BUG_LIMIT_SECONDS
  try {
    const store = await fault.openStore(scope)
    const berths = (await fault.berths?.(scope, store)) ?? [LOOPBACK, LOOPBACK]
    const fleet = await Fleet.start(scope, berths, store.env, bug)
    const plan = { ...fault.plan, ...(bug === undefined ? {} : BUG_PLAN) }
    const traffic = await Traffic.begin(scope, fleet.urls, plan, !fault.mayLose)
    const world = { store, fleet, traffic, scope }
    const recoveriesMs = await strikeAll(fault, world, rounds, limitSeconds * 1_000)
    const report = await traffic.end()
    const problems = [
      ...problemsOf(report, fault),
      ...recoveriesMs.flatMap((ms, i) => (ms === undefined ? [`not well again in round ${i + 1}`] : [])),
      ...(fault.complaints?.(report, world) ?? []),
      ...fleet.complaints,
    ]
    const { name, since, mayLose = false } = fault
    return { name, since, rounds: recoveriesMs.length, mayLose, report, recoveriesMs, problems }
  } finally {
    await scope.end()
  }
}

async function strikeAll<Store extends Backing>(
  fault: Fault<Store>,
  world: World<Store>,
  rounds: number,
  limitMs: number,
): Promise<(number | undefined)[]> {
  const isWell = () => world.traffic.wellAfter(performance.now(), PATIENCE_MS)
  const recoveriesMs: (number | undefined)[] = []
  if ((await isWell()) === undefined) throw new Error('not even well before anything happened')
  for (let round = 0; round < rounds; round++) {
    await sleep(CALM_MS + Math.random() * SPREAD_MS)
    world.fleet.provoke()
    const sinceMs = await fault.strike(world, round)
    const tookMs = await world.traffic.wellAfter(sinceMs, limitMs + performance.now() - sinceMs)
    recoveriesMs.push(tookMs)
    if (tookMs === undefined) break
    await fault.repair?.(world, round)
    if ((await isWell()) === undefined) throw new Error('not well after it was repaired')
  }
  return recoveriesMs
}

/** What no fault may do. */
function problemsOf({ account }: Report, { mayLose, mayReorder }: Pick<Fault, 'mayLose' | 'mayReorder'>): string[] {
  const { lost, outstanding, duplicated, misdelivered, corrupted, outOfOrder, unexpected, accepted } = account
  const counts = {
    ...(mayLose ? {} : { lost }),
    ...(mayReorder ? {} : { outOfOrder }),
    ...{ outstanding, duplicated, misdelivered, corrupted, unexpected },
  }
  const problems = Object.entries(counts).filter(([, count]) => count > 0)
  return [
    ...problems.map(([name, count]) => `${count} ${name}`),
    ...(accepted < 100 ? [`only ${accepted} accepted`] : []),
  ]
}
