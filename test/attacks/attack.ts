import { readFileSync } from 'node:fs'
import type { Relay } from '../_util/relay.ts'
import { residentBytes } from '../integration/served.ts'
import { startAttacker } from './attacker.ts'
import type { BehaviourName } from './behaviours.ts'
import type { Counts } from './bots.ts'
import { HonestCrowd, type Served } from './honest-crowd.ts'

/** How an attack is made. */
export interface Plan {
  readonly behaviour: BehaviourName
  readonly connections: number
  /** How long honest clients are watched before it, and while it is in full swing. */
  readonly quietMs: number
  readonly attackMs: number
  /** Whether it is in full swing, by what the attacker has counted; without it when all have connected. */
  isAtWork?(counts: Counts): boolean
}

/** What became of it. */
export interface Outcome {
  readonly counts: Counts
  readonly before: Served
  readonly during: Served
  /** The most by which the relay's memory grew. */
  readonly grownBytes: number
  /** Share of one processor that the relay used during it. */
  readonly cpuShare: number
}

/** In another /24 than honest clients are. */
const ATTACKERS_ADDRESS = '127.66.0.1'
const WARM_UP_MS = 200
/** So long attackers may need until they are at work. */
const GATHER_MS = 30_000
const STEP_MS = 200
const CLOCK_TICKS = 100

/** Processor time that a process has used, in seconds. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS
}

/** Watches honest clients without and with an attack. Rejects where one of them loses an envelope. */
export async function attack(relay: Relay, plan: Plan): Promise<Outcome> {
  const { behaviour, connections, quietMs, attackMs } = plan
  const isAtWork = plan.isAtWork ?? ((counts) => (counts.connections ?? 0) >= connections)
  const crowd = await HonestCrowd.connect(relay)
  await crowd.served(WARM_UP_MS)
  const before = await crowd.served(quietMs)
  const bytesBefore = residentBytes(relay)
  let peakBytes = bytesBefore
  const watching = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(relay))
  }, 100)
  const attacker = startAttacker({
    behaviour,
    connections,
    port: Number(new URL(relay.url).port),
    from: ATTACKERS_ADDRESS,
  })
  try {
    const latestMs = performance.now() + GATHER_MS
    while (!isAtWork(attacker.counts()) && performance.now() < latestMs) await crowd.served(STEP_MS)
    const [startMs, startSeconds] = [performance.now(), processorSeconds(relay.pid)]
    const during = await crowd.served(attackMs)
    const cpuShare = (processorSeconds(relay.pid) - startSeconds) / ((performance.now() - startMs) / 1_000)
    return { counts: await attacker.stop(), before, during, grownBytes: peakBytes - bytesBefore, cpuShare }
  } finally {
    clearInterval(watching)
    await crowd.close()
  }
}
