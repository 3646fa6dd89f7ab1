import { createHash } from 'node:crypto'
import { expiryOf } from '../../src/protocol/retention.ts'
import { Random } from './random.ts'

/** How busy each hour of a day is, midnight first. The simulated day ends at seven in the evening. */
const HOURS = [2, 1, 1, 1, 1, 2, 4, 8, 10, 10, 10, 11, 12, 11, 10, 10, 11, 12, 14, 15, 15, 12, 8, 4]
const LAST_HOUR = 19
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Shares of the TTL classes, from a minute to a week, and of the two sizes. */
const CLASS_SHARES = [0, 0.03, 0.07, 0.75, 0.15]
const SIZE_SHARES = [0.97, 0.03]
const DAY_CLASS = 3
/** What expires within this time after the end is left out, since writing and looking at the day takes a while. */
const MARGIN_MS = 180_000
/** Envelopes that one sender, who wants to recognise them, lays into one mailbox of somebody who is away. */
const MARKS = 17
const MARKED_BEFORE_END_MS = 5 * HOUR_MS
/** Mailboxes whose owner does not come the whole day, and of those online now the share that do not acknowledge. */
const AWAY_SHARE = 0.15
/** Envelopes that are lost on the way to their owner, who gets them the next time. */
const LOST_SHARE = 0.02
const STALLED_SHARE = 0.03

/** Times are Unix milliseconds. */
export interface SimulatedEnvelope {
  readonly mailbox: number
  readonly sizeIndex: number
  readonly classIndex: number
  readonly arrivedMs: number
  /** When its owner acknowledged it; undefined if it still waits. */
  readonly takenMs: number | undefined
}

export interface SimulatedDay {
  /** The moment at which the day is looked at. */
  readonly endMs: number
  /** 32 bytes each; the position is the mailbox. */
  readonly addresses: readonly Buffer[]
  /** In the order of their arrival; those whose time was up before the end are left out: nothing holds them. */
  readonly envelopes: readonly SimulatedEnvelope[]
  /** Mailboxes that are open at the end. */
  readonly online: ReadonlySet<number>
  /** Those of them that hold envelopes which were sent and not acknowledged. */
  readonly stalled: ReadonlySet<number>
  /** The mailbox into which a sender has laid `count` envelopes at one time, to recognise it by. */
  readonly marked: { readonly mailbox: number; readonly atMs: number; readonly count: number }
}

interface Session {
  readonly fromMs: number
  readonly toMs: number
}

/** The 24 hours before `endMs`: who got what when, and when its owner came for it. */
export function simulateDay(mailboxes: number, endMs: number, seed: number): SimulatedDay {
  const random = new Random(seed)
  const addresses: Buffer[] = []
  const envelopes: SimulatedEnvelope[] = []
  const online = new Set<number>()
  const stalled = new Set<number>()
  for (let mailbox = 0; mailbox < mailboxes; mailbox++) {
    addresses.push(createAddress(seed, mailbox))
    const sessions = random.isSo(AWAY_SHARE) ? [] : createSessions(random, endMs)
    const isOnline = sessions.some(({ toMs }) => toMs >= endMs)
    const isStalled = isOnline && random.isSo(STALLED_SHARE)
    const own = createArrivals(random, endMs).map((arrivedMs): SimulatedEnvelope => {
      const [sizeIndex, classIndex] = [random.weighted(SIZE_SHARES), random.weighted(CLASS_SHARES)]
      const possible = random.isSo(LOST_SHARE) ? sessions.filter(({ fromMs }) => fromMs > arrivedMs).slice(1) : sessions
      const takenMs = whenTaken(possible, arrivedMs, endMs, isStalled)
      return { mailbox, sizeIndex, classIndex, arrivedMs, takenMs }
    })
    const left = own.filter(
      ({ arrivedMs, classIndex }) => expiryOf(arrivedMs / 1000, classIndex) * 1000 > endMs + MARGIN_MS,
    )
    envelopes.push(...left)
    if (isOnline) online.add(mailbox)
    if (isStalled && left.some(({ takenMs }) => takenMs === undefined)) stalled.add(mailbox)
  }
  const marked = { mailbox: mailboxes, atMs: endMs - MARKED_BEFORE_END_MS, count: MARKS }
  addresses.push(createAddress(seed, marked.mailbox))
  for (let i = 0; i < MARKS; i++) {
    const arrivedMs = marked.atMs + i
    envelopes.push({ mailbox: marked.mailbox, sizeIndex: 0, classIndex: DAY_CLASS, arrivedMs, takenMs: undefined })
  }
  return { endMs, addresses, envelopes: envelopes.sort((a, b) => a.arrivedMs - b.arrivedMs), online, stalled, marked }
}

function createAddress(seed: number, mailbox: number): Buffer {
  return createHash('sha256').update(`address ${seed} ${mailbox}`).digest()
}

/** A moment of the day, by how busy its hours are. */
function createMoment(random: Random, endMs: number): number {
  const moment = endMs + (random.weighted(HOURS) + random.uniform() - LAST_HOUR) * HOUR_MS
  return Math.floor(moment < endMs ? moment : moment - DAY_MS)
}

function createSessions(random: Random, endMs: number): Session[] {
  return Array.from({ length: 1 + random.below(8) }, () => {
    const fromMs = createMoment(random, endMs)
    return { fromMs, toMs: fromMs + random.exponential(15 * 60_000) }
  }).sort((a, b) => a.fromMs - b.fromMs)
}

/** Few get much and many get little; half of what comes is followed by more within minutes. */
function createArrivals(random: Random, endMs: number): number[] {
  const count = Math.floor(Math.exp(1 + random.normal()))
  const arrivals: number[] = []
  while (arrivals.length < count) {
    let moment = createMoment(random, endMs)
    do {
      arrivals.push(Math.floor(moment))
      moment += random.exponential(90_000)
    } while (arrivals.length < count && moment < endMs && random.isSo(0.5))
  }
  return arrivals
}

/** One second after it was pushed, or two after its owner came; if the last session is stalled, then not in that one. */
function whenTaken(
  sessions: readonly Session[],
  arrivedMs: number,
  endMs: number,
  isStalled: boolean,
): number | undefined {
  const session = sessions.find(({ toMs }) => toMs > arrivedMs)
  if (session === undefined || (isStalled && session.toMs >= endMs)) return undefined
  const takenMs = session.fromMs <= arrivedMs ? arrivedMs + 1000 : Math.floor(session.fromMs) + 2000
  return takenMs <= endMs ? takenMs : undefined
}
