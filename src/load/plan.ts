/** Connections that go away together, and come back together. */
export interface Departure {
  /** Seconds after the start of the schedule. */
  readonly atSeconds: number
  /** Again and again after so many seconds; without it, once. */
  readonly everySeconds?: number
  /** Which part of them, 0 to 1. */
  readonly share: number
  /** Seconds until they come back. */
  readonly awaySeconds: number
  readonly who: 'recipients' | 'senders'
}

/** All that decides what a load test does. Everything is told; `src/load/defaults.ts` has what is usual. */
export interface LoadPlan {
  /** Relays, `https://relay.example`; connections start spread over them, and go to the next where one fails. */
  readonly urls: readonly string[]
  /** Certificates in PEM to trust in place of the system's. */
  readonly ca?: string
  /** Deposits a second, over all workers. */
  readonly rate: number
  /** Intervals drawn at random (as of independent people), or all equal. */
  readonly arrivals: 'poisson' | 'fixed'
  /** Seconds that deposits are sent for, the ramp included. */
  readonly durationSeconds: number
  /** Seconds in which the rate rises from nothing; what is sent in them is not counted in the latencies. */
  readonly rampSeconds: number
  readonly workers: number
  /** Deposit connections, over all workers. */
  readonly senders: number
  /** Mailboxes, each with a connection of its own. */
  readonly recipients: number
  /** Which part of the recipients is away, 0 to 1. */
  readonly offlineShare: number
  /** Seconds that such a recipient is away before it comes, empties its mailbox and leaves again; 0: until the end. */
  readonly offlineSeconds: number
  /** Which part of the recipients reads slowly, 0 to 1. */
  readonly slowShare: number
  /** Milliseconds that a slow reader does not read after each piece that it got. */
  readonly slowPauseMs: number
  /** Envelope sizes in bytes, drawn with equal chances; empty: the relay's smallest. */
  readonly sizes: readonly number[]
  /** Lifetimes in seconds, drawn with equal chances. */
  readonly ttls: readonly number[]
  readonly transport: 'ws' | 'http'
  readonly departures: readonly Departure[]
  /** Deposits that one sender may have unanswered; what is due beyond that waits, and its latency counts. */
  readonly inFlight: number
  /** Seconds after which an answer is no longer waited for. */
  readonly answerSeconds: number
  /** Most seconds for emptying all mailboxes at the end. */
  readonly drainSeconds: number
  /** Addresses of this machine to connect from, in turns; empty: the system chooses. */
  readonly localAddresses: readonly string[]
}

/** A plan that cannot be carried out. `field` is the plan's own name of what is wrong. */
export class PlanError extends Error {
  readonly field: keyof LoadPlan

  constructor(field: keyof LoadPlan, problem: string) {
    super(problem)
    this.name = 'PlanError'
    this.field = field
  }
}

/** What is usual. What an interrupted run leaves in a relay is gone after an hour. */
export const DEFAULT_PLAN: LoadPlan = {
  urls: [],
  rate: 100,
  arrivals: 'poisson',
  durationSeconds: 30,
  rampSeconds: 0,
  workers: 1,
  senders: 50,
  recipients: 100,
  offlineShare: 0,
  offlineSeconds: 0,
  slowShare: 0,
  slowPauseMs: 1_000,
  sizes: [],
  ttls: [3_600],
  transport: 'ws',
  departures: [],
  inFlight: 256,
  answerSeconds: 10,
  drainSeconds: 30,
  localAddresses: [],
}

/** Longest run in seconds: a bit more than a month, below which every count of milliseconds fits 32 bits. */
const MAX_SECONDS = 40 * 86_400
const MAX_WORKERS = 512

type NumberField = { [K in keyof LoadPlan]-?: LoadPlan[K] extends number ? K : never }[keyof LoadPlan]

const RANGES: Readonly<Record<NumberField, { least: number; most: number; isWhole?: true }>> = {
  rate: { least: 0.01, most: 1_000_000 },
  durationSeconds: { least: 0.1, most: MAX_SECONDS },
  rampSeconds: { least: 0, most: MAX_SECONDS },
  workers: { least: 1, most: MAX_WORKERS, isWhole: true },
  senders: { least: 1, most: 100_000, isWhole: true },
  recipients: { least: 1, most: 1_000_000, isWhole: true },
  offlineShare: { least: 0, most: 1 },
  offlineSeconds: { least: 0, most: MAX_SECONDS },
  slowShare: { least: 0, most: 1 },
  slowPauseMs: { least: 0, most: 600_000 },
  inFlight: { least: 1, most: 100_000, isWhole: true },
  answerSeconds: { least: 0.1, most: 600 },
  drainSeconds: { least: 0, most: 3_600 },
}

/** @throws PlanError for the first field that is out of range, or does not fit another */
export function checkPlan(plan: LoadPlan): void {
  if (plan.urls.length === 0) throw new PlanError('urls', 'at least one relay is needed')
  for (const [name, { least, most, isWhole }] of Object.entries(RANGES)) {
    const value = plan[name as NumberField]
    const isRight = value >= least && value <= most && (!isWhole || Number.isInteger(value))
    if (!isRight)
      throw new PlanError(
        name as NumberField,
        `it is ${isWhole ? 'a whole number' : 'a number'} from ${least} to ${most}`,
      )
  }
  if (plan.rampSeconds > plan.durationSeconds) throw new PlanError('rampSeconds', 'the ramp is longer than the test')
  if (plan.workers > plan.senders || plan.workers > plan.recipients)
    throw new PlanError('workers', 'each worker needs a sender and a recipient of its own')
  if (plan.ttls.length === 0) throw new PlanError('ttls', 'at least one lifetime is needed')
  checkList('ttls', plan.ttls, 0, 0xffff_ffff)
  checkList('sizes', plan.sizes, 1, 16 * 1024 * 1024)
  for (const { share, atSeconds, awaySeconds, everySeconds = 1 } of plan.departures) {
    if (!(share > 0 && share <= 1)) throw new PlanError('departures', 'a share is more than 0 and at most 1')
    if (!(atSeconds >= 0 && awaySeconds >= 0 && everySeconds > 0))
      throw new PlanError('departures', 'times are numbers of seconds, not below 0')
    if (atSeconds >= plan.durationSeconds)
      throw new PlanError('departures', `one is due after ${atSeconds} s, and the test is over before`)
  }
}

/** How many values one list may have: sizes and lifetimes share a byte in every envelope. */
const MAX_CHOICES = 8

function checkList(field: 'ttls' | 'sizes', values: readonly number[], least: number, most: number): void {
  if (values.length > MAX_CHOICES) throw new PlanError(field, `at most ${MAX_CHOICES} values`)
  for (const value of values) {
    if (!(Number.isInteger(value) && value >= least && value <= most))
      throw new PlanError(field, `it is whole numbers from ${least} to ${most}`)
  }
}
