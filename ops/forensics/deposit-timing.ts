import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createMailbox, exportMailbox, type Mailbox } from '../../src/client/index.ts'
import { startRedis } from '../../test/_util/redis.ts'
import { type Relay, startRelay } from '../../test/_util/relay.ts'
import { writeIntoDocument } from './document.ts'
import { Random } from './random.ts'
import { type Auc, aucOf, median } from './statistics.ts'
import { SENDERS, type TimedSender } from './timing-senders.ts'

const SIZE = 4_000
const POOL = 50
const WAITING = 5
/** Between two trials, so that what one sets off is over when the next begins. */
const PAUSE_MS = 1
/** Trials around each one from whose median it is taken, since machines are slower at times. */
const NEIGHBOURS = 50
const PLANTED_MICROSECONDS = 100
const PAIRS = [
  ['never used', 'waiting'],
  ['never used', 'online'],
  ['waiting', 'online'],
] as const

/** One deposit, and one to an address that nobody ever used right behind it. Microseconds. */
interface Trial {
  readonly kind: string
  readonly own: number
  readonly next: number
}

/** Gives the address for a trial of a kind. */
type Kinds = Readonly<Record<string, () => Uint8Array>>

/**
 * `npm run forensics:timing`: whether a sender can tell by the time an answer takes if a mailbox was never used, holds
 * envelopes, or is online; and whether a planted difference is found.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { trials: { type: 'string', default: '2000' }, write: { type: 'boolean', default: false } },
  })
  const trials = Number(values.trials)
  const lines = [...(await timeTransport('HTTP', trials)), ...(await timeTransport('WebSocket', trials))]
  const table = render(lines, trials)
  process.stdout.write(`${table}\n`)
  if (values.write) writeIntoDocument('timing', 'npm run forensics:timing -- --write', table)
}

async function timeTransport(transport: keyof typeof SENDERS, trials: number): Promise<string[][]> {
  const lines: string[][] = []
  await withRelay({}, async (relay) => {
    const people = await createPeople(relay)
    const results = await run(relay, transport, people.kinds, trials)
    for (const [a, b] of PAIRS) lines.push([transport, `${a} and ${b}`, ...compare(results, a, b)])
    people.end()
  })
  for (const planted of [0, PLANTED_MICROSECONDS]) {
    await withRelay({ PLANTED_DELAY_MICROSECONDS: String(planted) }, async (relay) => {
      const results = await run(relay, transport, { even: () => addressWith(0), odd: () => addressWith(1) }, trials)
      lines.push([transport, `control: ${planted} µs planted`, ...compare(results, 'even', 'odd')])
    })
  }
  return lines
}

async function withRelay(planted: Record<string, string>, use: (relay: Relay) => Promise<void>): Promise<void> {
  const redis = await startRedis()
  const preload = new URL('../../../ops/forensics/planted-delay.mjs', import.meta.url)
  const nodeOptions = Object.keys(planted).length > 0 ? [`--import=${preload}`] : []
  const storeSecret = randomBytes(32).toString('base64url')
  const relay = await startRelay(
    { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: storeSecret, ...planted },
    nodeOptions,
  )
  try {
    await use(relay)
  } finally {
    await relay.stop()
    await redis.stop()
  }
}

/** Mailboxes in which envelopes wait, and others whose owners are online in a process of their own. */
async function createPeople(relay: Relay): Promise<{ kinds: Kinds; end(): void }> {
  const create = () => Array.from({ length: POOL }, createMailbox)
  const [waiting, online] = [create(), create()]
  const sender = await SENDERS.WebSocket(relay)
  for (let i = 0; i < WAITING; i++) for (const { address } of waiting) await sender.send(address, randomBytes(SIZE))
  const recipients = fork(fileURLToPath(new URL('./timing-recipients.js', import.meta.url)))
  await bringOnline(recipients, relay, online, sender)
  sender.close()
  const pick = (mailboxes: readonly Mailbox[]) => () => (mailboxes[Math.floor(Math.random() * POOL)] as Mailbox).address
  const kinds = { 'never used': () => randomBytes(32), waiting: pick(waiting), online: pick(online) }
  return { kinds, end: () => recipients.kill() }
}

async function bringOnline(
  recipients: ChildProcess,
  relay: Relay,
  mailboxes: readonly Mailbox[],
  sender: TimedSender,
): Promise<void> {
  let reached = 0
  const all = new Promise<void>((resolve) => {
    recipients.on('message', () => {
      reached++
      if (reached === mailboxes.length) resolve()
    })
  })
  recipients.send({ relay: relay.url, mailboxes: mailboxes.map(exportMailbox) })
  for (const { address } of mailboxes) await sender.send(address, randomBytes(SIZE))
  await all
}

function addressWith(lowBit: 0 | 1): Buffer {
  const address = randomBytes(32)
  address[0] = ((address[0] as number) & 0xfe) | lowBit
  return address
}

/** That many trials of each kind, in an order drawn at random. */
async function run(relay: Relay, transport: keyof typeof SENDERS, kinds: Kinds, trials: number): Promise<Trial[]> {
  const sender = await SENDERS[transport](relay)
  const random = new Random(1)
  const warmUp = trials / 5
  const results: Trial[] = []
  for (let round = -warmUp; round < trials; round++) {
    const order = Object.keys(kinds)
      .map((kind) => ({ kind, place: random.uniform() }))
      .sort((a, b) => a.place - b.place)
    for (const { kind } of order) {
      const [address, next] = [(kinds[kind] as () => Uint8Array)(), addressWith(0)]
      const [envelope, other] = [randomBytes(SIZE), randomBytes(SIZE)]
      const trial = { kind, own: await sender.send(address, envelope), next: await sender.send(next, other) }
      if (round >= 0) results.push(trial)
      await sleep(PAUSE_MS)
    }
  }
  sender.close()
  return results
}

/** How well each of the two times tells the two kinds apart, and how far their medians are from each other. */
function compare(trials: readonly Trial[], a: string, b: string): string[] {
  const cells = (['own', 'next'] as const).map((time) => {
    const steady = steadied(trials.map((trial) => trial[time]))
    const of = (kind: string) => steady.filter((_, i) => trials[i]?.kind === kind)
    return shown(aucOf(of(a), of(b)))
  })
  const times = (kind: string) => trials.filter((trial) => trial.kind === kind).map(({ own }) => own)
  const [first, second] = [median(times(a)), median(times(b))]
  return [...cells, `${first.toFixed(0)} and ${second.toFixed(0)} µs`]
}

/** Each less the median of those around it. */
function steadied(values: readonly number[]): number[] {
  return values.map((value, i) => value - median(values.slice(Math.max(0, i - NEIGHBOURS), i + NEIGHBOURS + 1)))
}

function shown({ auc, low, high }: Auc): string {
  return `${auc.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`
}

function render(lines: readonly string[][], trials: number): string {
  const head = ['over', 'told apart', 'AUC by its own answer (95 %)', 'AUC by the next answer (95 %)', 'medians']
  const rows = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`)
  return `${trials} deposits of each kind, interleaved.\n\n${rows.join('\n')}`
}

await main()
