import type { Results } from './results.ts'
import { type Measure, type Sample, sum } from './sample.ts'
import { median } from './statistics.ts'
import type { SystemName } from './systems.ts'

/** A promise about speed or memory, and what came out. */
export interface TargetRow {
  readonly title: string
  readonly target: string
  /** Ratio of the medians, and the smallest and largest of the single rounds; undefined where it was not measured. */
  readonly measured: { ratio: number; min: number; max: number; rounds: number } | undefined
  readonly isMet: boolean | undefined
  readonly remark?: string
}

type Value = (sample: Sample) => number

const cpu: Value = (sample) => sum(sample.cpuMicroseconds)
const serverCpu: Value = (sample) => sample.cpuMicroseconds[0] ?? Number.NaN
const throughput: Value = (sample) => sample.messagesPerSecond
const p99: Value = (sample) => sample.p99Ms ?? Number.NaN

/** Ratio of two series of rounds, which were measured in turns. */
function ratioOf(above: readonly number[], below: readonly number[]): TargetRow['measured'] {
  const rounds = Math.min(above.length, below.length)
  if (rounds === 0) return undefined
  const single = Array.from({ length: rounds }, (_, i) => (above[i] as number) / (below[i] as number))
  return { ratio: median(above) / median(below), min: Math.min(...single), max: Math.max(...single), rounds }
}

function atMost(title: string, limit: number, measured: TargetRow['measured'], remark?: string): TargetRow {
  const isMet = measured && measured.ratio <= limit
  return { title, target: `≤ ${limit.toFixed(2)}`, measured, isMet, ...(remark !== undefined && { remark }) }
}

function messageTargets({ samples }: Results): TargetRow[] {
  const series = (system: SystemName, measure: Measure, value: Value) =>
    samples.filter((sample) => sample.system === system && sample.measure === measure).map(value)
  const ratio = (measure: Measure, value: Value, other: SystemName, otherValue = value) =>
    ratioOf(series('lethe-redis', measure, value), series(other, measure, otherValue))
  const both = (system: SystemName) => {
    const drained = series(system, 'drain', cpu)
    return series(system, 'store', cpu).map((stored, i) => stored + (drained[i] ?? Number.NaN))
  }
  const aedes = ratio('online-saturated', cpu, 'aedes')
  const floor = aedes && `floor 1.30: ${aedes.ratio <= 1.3 ? 'met' : 'not met'}`
  const http = ratioOf(
    series('lethe-redis', 'http-deposit', throughput),
    series('fastify-post', 'http-deposit', throughput),
  )
  return [
    atMost('relay + Redis, CPU a message online, to aedes', 1, aedes, floor),
    atMost('relay + Redis, CPU a message online, to NATS JetStream', 0.9, ratio('online-saturated', cpu, 'nats')),
    atMost('relay alone, CPU a message online, to bare ws echo', 1.6, ratio('online-saturated', serverCpu, 'ws-echo')),
    atMost('offline: store, CPU, to aedes', 1.5, ratio('store', cpu, 'aedes')),
    atMost('offline: drain, CPU, to aedes', 1, ratio('drain', cpu, 'aedes')),
    atMost('offline: store + drain, CPU, to NATS JetStream', 1, ratioOf(both('lethe-redis'), both('nats'))),
    {
      title: 'HTTP deposits a second on Redis, to bare Fastify POST',
      target: '≥ 0.60',
      measured: http,
      isMet: http && http.ratio >= 0.6,
    },
    atMost('p99 deposit to delivery at half the top rate, to bare ws echo', 3, ratio('half-rate', p99, 'ws-echo')),
  ]
}

function memoryTargets({ idleMemory, redisMemory }: Results): TargetRow[] {
  const ones = redisMemory.map(() => 1)
  const kilobytes = (values: number[]) => `${(median(values) / 1024).toFixed(1)} KiB`
  const bare = idleMemory.map((round) => round.bareBytes)
  const mailbox = idleMemory.map((round) => round.mailboxBytes)
  return [
    atMost(
      'memory of an idle open mailbox, to a bare idle ws connection',
      1.5,
      ratioOf(mailbox, bare),
      idleMemory.length > 0 ? `${kilobytes(mailbox)} to ${kilobytes(bare)}` : undefined,
    ),
    atMost(
      'Redis memory to payload, eight in a bucket',
      1.06,
      ratioOf(
        redisMemory.map((round) => round.eightInBucket),
        ones,
      ),
    ),
    atMost(
      'Redis memory to payload, one in a bucket',
      1.15,
      ratioOf(
        redisMemory.map((round) => round.oneInBucket),
        ones,
      ),
    ),
  ]
}

function crowdTargets({ crowded, reconnects }: Results): TargetRow[] {
  const many = crowded.flatMap((run) => run.manyMicroseconds)
  const few = crowded.flatMap((run) => run.fewMicroseconds)
  const [run] = crowded
  const title = run
    ? `CPU a message with ${run.many.toLocaleString('en')} queued for ${run.manyMailboxes.toLocaleString('en')} mailboxes, to 1,000 queued`
    : 'CPU a message with a million queued, to a thousand'
  const times = ratioOf(
    reconnects.map(({ relay }) => relay.seconds),
    reconnects.map(({ bare }) => bare.seconds),
  )
  const failed = sum(reconnects.map(({ relay }) => relay.failed))
  const seconds = (pick: (round: (typeof reconnects)[number]) => number) =>
    `${median(reconnects.map(pick)).toFixed(1)} s`
  return [
    atMost(title, 1.15, ratioOf(many, few)),
    {
      title: 'all clients come back at once: time until the last is drained, to bare ws',
      target: 'none refused for good',
      measured: times,
      isMet: times && failed === 0,
      ...(times && {
        remark: `${failed} failed; ${seconds(({ relay }) => relay.seconds)} to ${seconds(({ bare }) => bare.seconds)}`,
      }),
    },
  ]
}

/** Every target beside what was measured. */
export function targetsOf(results: Results): TargetRow[] {
  return [...messageTargets(results), ...memoryTargets(results), ...crowdTargets(results)]
}

/** The targets as a Markdown table. */
export function renderTargets(rows: readonly TargetRow[]): string {
  const lines = rows.map(({ title, target, measured, isMet, remark = '' }) => {
    const figure = measured
      ? `${measured.ratio.toFixed(2)} (${measured.min.toFixed(2)}–${measured.max.toFixed(2)})`
      : 'not measured'
    const verdict = isMet === undefined ? '' : isMet ? 'met' : '**not met**'
    return `| ${title} | ${target} | ${figure} | ${measured?.rounds ?? 0} | ${verdict} | ${remark} |`
  })
  return `| target, as a ratio | target | measured | rounds | | |\n|${' --- |'.repeat(6)}\n${lines.join('\n')}`
}
