import { randomBytes } from 'node:crypto'
import { TOUCH_PERIOD_SECONDS } from '../../src/store/redis/touch-sweep.ts'
import { type RedisServer, startRedis } from '../../test/_util/redis.ts'
import { countActivity, findOwnPattern } from './attack-activity.ts'
import { compareNeighbours, estimateLetheArrivals, estimatePlainArrivals, findHints } from './attack-arrival.ts'
import { joinByPartition, joinByWakeTag, linkLethe, linkPlain } from './attack-linking.ts'
import { watchLethe, watchPlain, watchUse } from './attack-presence.ts'
import { probe } from './attack-probe.ts'
import { depositsIn, keepBacklog, readBacklog } from './backlog.ts'
import { writeLetheDay } from './lethe-layout.ts'
import { type Observed, observe, observeCopy, observeDumps, withConnection } from './observe.ts'
import { writePlainDay } from './plain-layout.ts'
import { type SimulatedDay, simulateDay } from './simulated-day.ts'
import { observeUse, sweepOnce } from './use-times.ts'

/** As deploy/redis/redis.conf sets it. */
const BACKLOG_BYTES = 262_144

export interface AttackOptions {
  readonly mailboxes: number
  readonly seed: number
}

export type LetheAttack = Awaited<ReturnType<typeof attackLethe>>
export type PlainAttack = Awaited<ReturnType<typeof attackPlain>>

/** A day in both layouts, each on a Redis of its own, and everything that was tried on them. */
export async function attackBoth({ mailboxes, seed }: AttackOptions) {
  const day = simulateDay(mailboxes, Date.now(), seed)
  const lethe = await withServer((server) => attackLethe(server, day))
  const plain = await withServer((server) => attackPlain(server, day))
  return { day, lethe, plain }
}

async function withServer<T>(use: (server: RedisServer) => Promise<T>): Promise<T> {
  const server = await startRedis()
  try {
    return await use(server)
  } finally {
    await server.stop()
  }
}

async function attackLethe(server: RedisServer, day: SimulatedDay) {
  const { endMs, addresses } = day
  const storeSecret = randomBytes(32)
  await keepBacklog(server, BACKLOG_BYTES)
  const truth = await withConnection(server, (redis) => writeLetheDay(redis, day, storeSecret))
  const backlog = depositsIn(await readBacklog(server))
  const commands = await server.cli('INFO', 'commandstats')
  const copy = await observeCopy(server)
  const dumps = await observeDumps(server)
  const running = await withConnection(server, observe)
  const sweptMs = endMs - TOUCH_PERIOD_SECONDS * 1000
  const [swept, unswept] = await withConnection(server, async (redis) => [
    await observeUse(redis, running, truth, endMs, ({ lastUsedMs }) => Math.max(lastUsedMs, sweptMs)),
    await observeUse(redis, running, truth, endMs, ({ lastUsedMs }) => lastUsedMs),
  ])
  await sweepOnce(server)
  const touched = await withConnection(server, observe)
  const seconds = endMs / 1000
  return {
    streams: copy.length,
    arrivals: {
      copy: estimateLetheArrivals(copy, truth, seconds),
      running: estimateLetheArrivals(swept, truth, seconds, sweptMs / 1000),
      unswept: estimateLetheArrivals(unswept, truth, seconds, 0),
    },
    hints: { copy: findHints(copy, truth, seconds), running: findHints(running, truth, seconds) },
    neighbours: compareNeighbours(copy, truth),
    longestIdleSeconds: Math.max(...touched.map(({ idleSeconds }) => idleSeconds)),
    inDumps: differences(copy, dumps),
    isMoreInRunning: differences(copy, running),
    linking: linkLethe(copy, truth, addresses),
    joining: { copy: joinByPartition(copy, truth), backlog: joinByWakeTag(backlog, truth) },
    backlog: { deposits: backlog.length, minutes: spanMinutes(backlog.length, day) },
    activity: countActivity(copy, truth, day),
    ownPattern: findOwnPattern(copy, truth, day),
    depositsCounted: Number(/^cmdstat_xadd:calls=(\d+)/m.exec(commands)?.[1] ?? 0),
    presence: {
      use: watchUse(swept, day, truth),
      bits12: await watchLethe(server, day, truth, storeSecret, 12),
      bits24: await watchLethe(server, day, truth, storeSecret, 24),
    },
    probing: await probe(server, day, truth, storeSecret),
  }
}

async function attackPlain(server: RedisServer, day: SimulatedDay) {
  const truth = await withConnection(server, (redis) => writePlainDay(redis, day))
  const copy = await observeCopy(server)
  return {
    streams: copy.length,
    arrivals: estimatePlainArrivals(copy, truth),
    linking: linkPlain(copy, truth, day.addresses),
    activity: countActivity(copy, truth, day),
    presence: await watchPlain(server, day, truth),
  }
}

/** Figures of which a server says something else than a copy does, but for the last use and the order of the keys. */
function differences(copy: readonly Observed[], running: readonly Observed[]): string[] {
  const byKey = new Map(copy.map((one) => [one.key, one]))
  const names = new Set<string>()
  for (const one of running) {
    const other = byKey.get(one.key)
    for (const name of Object.keys(one) as (keyof Observed)[]) {
      if (name === 'idleSeconds' || name === 'place') continue
      if (JSON.stringify(one[name]) !== JSON.stringify(other?.[name])) names.add(name)
    }
  }
  return [...names]
}

/** How far back the last deposits of the day reach. */
function spanMinutes(deposits: number, { envelopes, endMs }: SimulatedDay): number {
  const first = envelopes.at(-deposits)
  return first === undefined ? Number.POSITIVE_INFINITY : (endMs - first.arrivedMs) / 60_000
}
