import { type AnyFault, defineFault, LOOPBACK } from '../frame/fault.ts'
import type { Scope } from '../frame/scope.ts'
import { openPair, type RedisPair } from '../stores/pair.ts'
import { openClocks, type ShiftedClock } from '../stores/shifted-clock.ts'

const HOUR = 3_600
/** Longer than anything lives. */
const EIGHT_DAYS = 8 * 86_400
/** Of the class that the traffic has: a day. [protocol §3] */
const SLOT = 4 * HOUR
/** Envelopes that may be on their way at one moment. */
const ON_THE_WAY = 20

const JUMPS: Readonly<Record<string, readonly [title: string, seconds: number]>> = {
  'ahead-1h': ['an hour ahead', HOUR],
  'behind-1h': ['an hour behind', -HOUR],
  'ahead-8d': ['8 days ahead', EIGHT_DAYS],
  'behind-8d': ['8 days behind', -EIGHT_DAYS],
}

interface ClockedPair extends RedisPair {
  readonly relayClock: ShiftedClock
  readonly masterClock: ShiftedClock
  /** Seconds that both are ahead of the right time when nothing is wrong. */
  readonly base: number
  /** What had been accepted and had not arrived when the clock jumped. */
  outstandingBefore: number
  /** Of what was accepted, how much need not arrive any more. */
  mayBeGone: number
}

/** @param base seconds that relays and master are ahead of everybody else */
async function openClocked(scope: Scope, base: number): Promise<ClockedPair> {
  const { relay, master } = openClocks(scope, ['relay', 'master'])
  for (const clock of [relay, master]) clock.shift(base)
  const pair = await openPair(scope, { env: master.env })
  return { ...pair, relayClock: relay, masterClock: master, base, outstandingBefore: 0, mayBeGone: 0 }
}

/** Shifts the time of day such that a jump of an hour goes beyond a slot. */
function beforeSlotEnds(jump: number): number {
  const intoSlot = Math.floor(Date.now() / 1_000) % SLOT
  return (jump > 0 ? SLOT - HOUR / 2 : HOUR / 2) - intoSlot
}

function relayJump([title, seconds]: readonly [string, number]): AnyFault {
  return defineFault<ClockedPair>({
    name: `the clock of a relay jumps: ${title}`,
    rounds: 3,
    bug: 'own clock',
    since: 'the jump',
    // An hour is more than a slot of one and less than one of the other.
    plan: { ttls: [HOUR, 24 * HOUR] },
    openStore: (scope) => openClocked(scope, 0),
    berths: async (_scope, { relayClock }) => [{ ...LOOPBACK, env: relayClock.env }, LOOPBACK],
    async strike({ store }) {
      store.relayClock.shift(seconds)
      return performance.now()
    },
    repair: async ({ store }) => store.relayClock.shift(0),
  })
}

/**
 * Expiry is by the master's clock. Eight days ahead, all that waits is gone, and what is accepted then is found in eight
 * days. Eight days behind, what waits is found when the clock is right again, and what was accepted meanwhile is gone.
 */
function masterJump([title, seconds]: readonly [string, number]): AnyFault {
  const isFar = Math.abs(seconds) > 24 * HOUR
  return defineFault<ClockedPair>({
    name: `the clock of the Redis master jumps: ${title}`,
    rounds: 3,
    bug: 'own clock',
    since: 'the jump',
    mayLose: isFar,
    mayReorder: true,
    openStore: (scope) => openClocked(scope, beforeSlotEnds(seconds)),
    berths: async (_scope, { relayClock: { env } }) => [
      { ...LOOPBACK, env },
      { ...LOOPBACK, env },
    ],
    async strike({ store, traffic }) {
      store.outstandingBefore = await traffic.outstanding()
      store.masterClock.shift(store.base + seconds)
      return performance.now()
    },
    async repair({ store, traffic }) {
      store.masterClock.shift(store.base)
      const outstanding = await traffic.outstanding()
      if (seconds > 0) store.mayBeGone = outstanding
      else store.mayBeGone += outstanding - store.outstandingBefore
    },
    complaints: ({ account: { lost } }, { store: { mayBeGone } }) =>
      isFar && lost > mayBeGone + ON_THE_WAY ? [`${lost} lost, of which ${mayBeGone} had to be`] : [],
  })
}

export const CLOCKS: Readonly<Record<string, AnyFault>> = Object.fromEntries(
  Object.entries(JUMPS).flatMap(([name, jump]) => [
    [`relay-clock-${name}`, relayJump(jump)],
    [`redis-clock-${name}`, masterJump(jump)],
  ]),
)
