import { type Effort, type Mode, measureAtRate, measureHttp, measureMessages } from './measure.ts'
import type { Results } from './results.ts'
import { measureCrowded } from './scenarios/crowded.ts'
import { measureIdleMemory } from './scenarios/idle-memory.ts'
import { measureReconnect } from './scenarios/reconnect.ts'
import { measureRedisMemory } from './scenarios/redis-memory.ts'
import { median } from './statistics.ts'
import { type System, type SystemName, systemNamed } from './systems.ts'

/** What a run consists of, in this order. */
export const PARTS = ['online', 'offline', 'http', 'latency', 'idle', 'reconnect', 'redis-memory', 'crowded'] as const
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
  await eachRound(plan, results, modes.join(' and '), async (round) => {
    for (const system of inTurns(systems, round)) {
      results.samples.push(...(await measureMessages(system, plan.effort, modes)))
    }
  })
}

async function runHttp(plan: Plan, results: Results): Promise<void> {
  const wanted = ['fastify-post', 'lethe-redis'] as const
  if (!plan.parts.has('http') || !hasAny(plan, wanted)) return
  await eachRound(plan, results, 'HTTP deposits', async (round) => {
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
  await eachRound(plan, results, `latency at ${Math.round(rate)}/s`, async (round) => {
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
    await eachRound(plan, results, `${crowd} idle`, async () => {
      results.idleMemory.push(await measureIdleMemory(crowd, settleSeconds, effort))
    })
  }
  if (parts.has('reconnect')) {
    await eachRound(plan, results, `${crowd} come back at once`, async () => {
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

function hasAny({ systems }: Plan, names: readonly SystemName[]): boolean {
  return systems.some(({ name }) => names.includes(name))
}

async function eachRound(plan: Plan, results: Results, title: string, act: (round: number) => Promise<void>) {
  for (let round = 0; round < plan.rounds; round++) {
    const startedMs = performance.now()
    await act(round)
    plan.save(results)
    plan.say(`${title}: round ${round + 1} of ${plan.rounds}, ${Math.round((performance.now() - startedMs) / 1_000)} s`)
  }
}

/** Measures what the plan says, and adds it to the results. */
export async function runPlan(plan: Plan, results: Results): Promise<void> {
  await runMessages(plan, results)
  await runHttp(plan, results)
  await runLatency(plan, results)
  await runCrowds(plan, results)
}
