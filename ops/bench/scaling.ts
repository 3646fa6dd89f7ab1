import { ENVELOPE_BYTES } from './measure.ts'
import type { Results } from './results.ts'
import type { Growth } from './scenarios/growth.ts'
import { median } from './statistics.ts'
import type { Size } from './systems.ts'

/** What the people behind so many mailboxes do. Each is written in docs/scaling.md beside the result. */
export const TRAFFIC = {
  envelopesPerDay: 50,
  /** The busiest hour to the mean. */
  peak: 3,
  /** Share of mailboxes that are open at the busiest time, with one socket each. */
  open: 0.25,
  /** Share of envelopes that wait, and for how long. */
  waiting: [
    { share: 0.6, hours: 6 },
    { share: 0.02, hours: 7 * 24 },
  ],
} as const

/** How full a machine is planned to be. */
export const ROOM = {
  /** Share of a core that an instance, and that a master, is kept below. */
  relayBusy: 0.6,
  redisBusy: 0.5,
  socketsPerRelay: 50_000,
  relayBaseBytes: 150e6,
  redisBytes: 16e9,
} as const

/** What was measured: microseconds of CPU a message, and bytes. */
export interface Costs {
  /** All envelopes stored by another instance than the one that delivers them. */
  readonly relayFar: number
  readonly redisFar: number
  /** Of each instance, for every wake-up that is not for its readers, at 12 wake bits. */
  readonly hearing: number
  /** Of Redis, for each instance that it tells, at 12 wake bits. */
  readonly telling: number
  readonly mailboxBytes: number
  /** In Redis, of an envelope that is alone in its bucket. */
  readonly envelopeBytes: number
}

/** The costs in some results; undefined while a part is missing. */
export function costsOf({ growth, idleMemory, redisMemory }: Results): Costs | undefined {
  const of = (instances: number, masters: number, hasBystander: boolean, value: (one: Growth) => number) =>
    median(
      growth
        .filter((one) => one.instances === instances && one.masters === masters && one.hasBystander === hasBystander)
        .map(value),
    )
  const relay = ({ relayMicroseconds }: Growth) => relayMicroseconds
  const redis = ({ redisMicroseconds }: Growth) => redisMicroseconds
  // Of two instances, half of the envelopes are stored by the other one.
  const far = (value: (one: Growth) => number) => 2 * of(2, 3, false, value) - of(1, 3, false, value)
  const costs = {
    relayFar: far(relay),
    redisFar: far(redis),
    hearing: of(1, 1, true, ({ bystanderMicroseconds }) => bystanderMicroseconds),
    telling: Math.max(0, of(1, 1, true, redis) - of(1, 1, false, redis)),
    mailboxBytes: median(idleMemory.map(({ mailboxBytes }) => mailboxBytes)),
    envelopeBytes: ENVELOPE_BYTES * median(redisMemory.map(({ oneInBucket }) => oneInBucket)),
  }
  return Object.values(costs).some(Number.isNaN) ? undefined : costs
}

/** What so many mailboxes need. Numbers of instances and masters are not rounded. */
export interface Need {
  readonly peakPerSecond: number
  readonly sockets: number
  readonly waiting: number
  readonly relaysForSockets: number
  readonly relaysForTraffic: number
  readonly mastersForMemory: number
  readonly mastersForTraffic: number
  /** Of all masters and all instances, at 12 wake bits: cores that do nothing but tell and hear of wake-ups. */
  readonly wakeCores: number
  readonly relayBytes: number
  readonly redisBytes: number
  readonly first: 'sockets' | 'relay CPU' | 'Redis memory' | 'Redis CPU' | 'wake-ups'
}

/** @param mailboxes how many there are in all */
export function needOf(mailboxes: number, costs: Costs): Need {
  const meanPerSecond = (mailboxes * TRAFFIC.envelopesPerDay) / 86_400
  const peakPerSecond = meanPerSecond * TRAFFIC.peak
  const sockets = mailboxes * TRAFFIC.open
  const waiting = TRAFFIC.waiting.reduce((sum, { share, hours }) => sum + meanPerSecond * share * hours * 3_600, 0)
  const relaysForSockets = sockets / ROOM.socketsPerRelay
  const relaysForTraffic = (peakPerSecond * costs.relayFar) / 1e6 / ROOM.relayBusy
  const redisBytes = waiting * costs.envelopeBytes
  const mastersForMemory = redisBytes / ROOM.redisBytes
  const mastersForTraffic = (peakPerSecond * costs.redisFar) / 1e6 / ROOM.redisBusy
  const relays = Math.max(1, relaysForSockets, relaysForTraffic)
  const wakeCores = (peakPerSecond * relays * (costs.hearing + costs.telling)) / 1e6
  // Beside what one machine of each kind can take: the largest gives way first when mailboxes are added.
  const strain = {
    sockets: relaysForSockets,
    'relay CPU': relaysForTraffic,
    'Redis memory': mastersForMemory,
    'Redis CPU': mastersForTraffic,
    'wake-ups': wakeCores,
  }
  const [first] = Object.entries(strain).toSorted(([, a], [, b]) => b - a)[0] as [Need['first'], number]
  return {
    peakPerSecond,
    sockets,
    waiting,
    relaysForSockets,
    relaysForTraffic,
    mastersForMemory,
    mastersForTraffic,
    wakeCores,
    relayBytes: sockets * costs.mailboxBytes + Math.ceil(relays) * ROOM.relayBaseBytes,
    redisBytes,
    first,
  }
}

const count = (value: number) => Math.ceil(value).toLocaleString('en')
const tenth = (value: number) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en'))
const gigabytes = (value: number) => `${tenth(value / 1e9)} GB`

const SIZE_TITLES: readonly (readonly [string, Size])[] = [
  ['1 instance, 1 Redis', { instances: 1, masters: 1, hasBystander: false }],
  ['2 instances, 1 Redis', { instances: 2, masters: 1, hasBystander: false }],
  ['1 instance, 3 masters', { instances: 1, masters: 3, hasBystander: false }],
  ['2 instances, 3 masters', { instances: 2, masters: 3, hasBystander: false }],
  ['1 instance and one nobody is connected to, 1 Redis', { instances: 1, masters: 1, hasBystander: true }],
]

/** What was measured, as a table. */
export function renderGrowth({ growth }: Results): string {
  const rows = SIZE_TITLES.flatMap(([title, size]) => {
    const rounds = growth.filter(
      (one) =>
        one.instances === size.instances && one.masters === size.masters && one.hasBystander === size.hasBystander,
    )
    if (rounds.length === 0) return []
    const middle = (value: (one: Growth) => number) => tenth(median(rounds.map(value)))
    const bystander = size.hasBystander ? middle((one) => one.bystanderMicroseconds) : ''
    const figures = [middle((one) => one.relayMicroseconds), middle((one) => one.redisMicroseconds), bystander]
    return [`| ${title} | ${figures.join(' | ')} | ${rounds.length} |`]
  })
  return [
    '| size | relays, µs a message | Redis, µs a message | bystander, µs a message | rounds |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

/** What a number of mailboxes needs, one column each. */
export function renderNeeds(sizes: readonly number[], costs: Costs): string {
  const needs = sizes.map((mailboxes) => needOf(mailboxes, costs))
  const row = (title: string, value: (need: Need) => string) => `| ${title} | ${needs.map(value).join(' | ')} |`
  return [
    `| mailboxes | ${sizes.map((size) => size.toLocaleString('en')).join(' | ')} |`,
    `| --- |${' --- |'.repeat(sizes.length)}`,
    row('envelopes a second, busiest hour', (need) => count(need.peakPerSecond)),
    row('open sockets', (need) => count(need.sockets)),
    row('envelopes that wait', (need) => count(need.waiting)),
    row('relay instances for sockets', (need) => count(need.relaysForSockets)),
    row('relay instances for traffic', (need) => count(need.relaysForTraffic)),
    row('memory of all instances', (need) => gigabytes(need.relayBytes)),
    row('Redis masters for memory', (need) => count(need.mastersForMemory)),
    row('Redis masters for traffic', (need) => count(need.mastersForTraffic)),
    row('memory of all masters', (need) => gigabytes(need.redisBytes)),
    row('cores for wake-ups that concern nobody, at 12 wake bits', (need) => tenth(need.wakeCores)),
    row('gives way first', (need) => need.first),
  ].join('\n')
}
