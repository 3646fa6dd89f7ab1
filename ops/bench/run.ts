import { type Effort, type Mode, measureAtRate, measureHttp, measureMessages } from './measure.ts'
import type { Results } from './results.ts'
import type { Measure } from './sample.ts'
import { measureCrowded } from './scenarios/crowded.ts'
import { measureGrowth, SIZES } from './scenarios/growth.ts'
import { measureIdleMemory } from './scenarios/idle-memory.ts'
import { measureReconnect } from './scenarios/reconnect.ts'
import { measureRedisMemory } from './scenarios/redis-memory.ts'
import { median } from './statistics.ts'
import { type System, type SystemName, systemNamed } from './systems.ts'

/** What a run consists of, in this order. */
export const PARTS = [
  'online',
  'offline',
  'http',
  'latency',
  'idle',
  'reconnect',
  'redis-memory',
  'crowded',
  'growth',
] as const
export type Part = (typeof PARTS)[number]

export interface Plan {
  readonly effort: Effort
  readonly rounds: number
  readonly parts: ReadonlySet<Part>
  readonly systems: readonly System[]
  /** Connections of the parts `idle` and `reconnect`. */
  readonly crowd: number
  /** Envelopes that wait in the part `crowded`. */
  readonly queued: number
  say(line: string): void
  /** Called after each round, with everything so far. */
  save(results: Results): void
}

/** Every second round goes the other way round, so that no server is always measured after the same one. */
function inTurns<T>(items: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? items : items.toReversed()
}

async function runMessages(plan: Plan, results: Results): Promise<void> {
  const modes = (['online', 'offline'] as const).filter((mode): mode is Mode => plan.parts.has(mode))
  const systems = plan.systems.filter(({ protocol }) => protocol !== 'http')
  if (modes.length === 0) return
  const done = roundsOf(results, systems[0]?.name, modes.includes('online') ? 'online-saturated' : 'store')
  await eachRound(plan, results, modes.join(' and '), done, async (round) => {
    for (const system of inTurns(systems, round)) {
      results.samples.push(...(await measureMessages(system, plan.effort, modes)))
    }
  })
}

async function runHttp(plan: Plan, results: Results): Promise<void> {
  const wanted = ['fastify-post', 'lethe-redis'] as const
  if (!plan.parts.has('http') || !hasAny(plan, wanted)) return
  const done = roundsOf(results, 'lethe-redis', 'http-deposit')
  await eachRound(plan, results, 'HTTP deposits', done, async (round) => {
    for (const name of inTurns(wanted, round)) results.samples.push(await measureHttp(systemNamed(name), plan.effort))
  })
}

/** Needs to know the relay's top rate, so it comes after the saturated rounds. */
async function runLatency(plan: Plan, results: Results): Promise<void> {
  const topRates = results.samples
    .filter(({ system, measure }) => system === 'lethe-redis' && measure === 'online-saturated')
    .map(({ messagesPerSecond }) => messagesPerSecond)
  if (!plan.parts.has('latency') || topRates.length === 0) return
  const rate = median(topRates) / 2
  const done = roundsOf(results, 'lethe-redis', 'half-rate')
  await eachRound(plan, results, `latency at ${Math.round(rate)}/s`, done, async (round) => {
    for (const name of inTurns(['ws-echo', 'lethe-redis'], round)) {
      results.samples.push(await measureAtRate(systemNamed(name), plan.effort, rate))
    }
  })
}

async function runCrowds(plan: Plan, results: Results): Promise<void> {
  const { effort, crowd, parts, queued } = plan
  if (!hasAny(plan, ['lethe-redis'])) return
  const settleSeconds = Math.ceil(effort.seconds * 2)
  if (parts.has('idle')) {
    await eachRound(plan, results, `${crowd} idle`, 0, async () => {
      results.idleMemory.push(await measureIdleMemory(crowd, settleSeconds, effort))
    })
  }
  if (parts.has('reconnect')) {
    await eachRound(plan, results, `${crowd} come back at once`, 0, async () => {
      results.reconnects.push(await measureReconnect(crowd, effort))
    })
  }
  if (parts.has('redis-memory')) results.redisMemory.push(await measureRedisMemory(Math.min(queued, 20_000), effort))
  if (parts.has('crowded')) {
    plan.say(`${queued} envelopes wait`)
    results.crowded.push(await measureCrowded(queued, plan.rounds, effort))
  }
  plan.save(results)
}

async function runGrowth(plan: Plan, results: Results): Promise<void> {
  if (!plan.parts.has('growth') || !hasAny(plan, ['lethe-redis'])) return
  const done = results.growth.length / SIZES.length
  await eachRound(plan, results, 'instances and masters', done, async (round) => {
    for (const size of inTurns(SIZES, round)) results.growth.push(await measureGrowth(size, plan.effort))
  })
}

function hasAny({ systems }: Plan, names: readonly SystemName[]): boolean {
  return systems.some(({ name }) => names.includes(name))
}

/** @param done rounds that are in the results already: the turns go on from there */
async function eachRound(
  plan: Plan,
  results: Results,
  title: string,
  done: number,
  act: (round: number) => Promise<void>,
): Promise<void> {
  for (let i = 0; i < plan.rounds; i++) {
    const startedMs = performance.now()
    await act(done + i)
    plan.save(results)
    plan.say(`${title}: round ${i + 1} of ${plan.rounds}, ${Math.round((performance.now() - startedMs) / 1_000)} s`)
  }
}

function roundsOf({ samples }: Results, system: SystemName | undefined, ...measures: readonly Measure[]): number {
  return samples.filter((sample) => sample.system === system && measures.includes(sample.measure)).length
}

/** Measures what the plan says, and adds it to the results. */
export async function runPlan(plan: Plan, results: Results): Promise<void> {
  await runMessages(plan, results)
  await runHttp(plan, results)
  await runLatency(plan, results)
  await runCrowds(plan, results)
  await runGrowth(plan, results)
}
