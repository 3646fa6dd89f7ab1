import { type Test, test } from '../_util/tap.ts'
import { request } from '../conformance/http.ts'
import { Socket } from '../conformance/socket.ts'
import { type Canary, CanaryBook, KIND_NAMES, KINDS, type Kind, randomValue } from './canaries.ts'
import { ENCODINGS, encodeLeak } from './encodings.ts'
import { Evidence } from './evidence.ts'
import { format } from './findings-text.ts'
import type { LeakChannel, LeakOrder } from './leak.ts'
import type { Person, Role } from './people.ts'
import type { RelayProcess } from './relay-process.ts'
import { Scanner } from './scanner.ts'
import { SURFACE_NAMES, type Surface } from './surfaces.ts'
import { Town } from './town.ts'

/** A canary, and what of it is leaked. */
interface Leak {
  readonly canary: Canary
  readonly encoding: string
  readonly bytes: Buffer
}

/** One leak of every kind in every encoding it has, each of a canary of its own: none can be found in another's place. */
function makeLeaks(book: CanaryBook): Leak[] {
  return KIND_NAMES.flatMap((kind) =>
    Object.keys(ENCODINGS).flatMap((encoding): Leak[] => {
      if (ENCODINGS[encoding]?.lacks?.(kind)) return []
      for (;;) {
        const value = randomValue(kind)
        const bytes = encodeLeak(encoding, kind, value)
        if (bytes) return [{ canary: book.add(kind, value), encoding, bytes }]
      }
    }),
  )
}

const isPrintable = (bytes: Buffer) => bytes.every((byte) => byte > 0x20 && byte < 0x7f)
const hasNoZero = (bytes: Buffer) => !bytes.includes(0)
/** The figures have a list of errors by their first word, of up to 31 characters. */
const isWord = (bytes: Buffer) => isPrintable(bytes) && bytes.length <= 31 && !/[#:]/.test(bytes.toString())

const ROLES: readonly Role[] = [
  'answers to bystanders',
  'answers to senders',
  'answers to recipients',
  'answers to broken requests',
]

interface Channel {
  readonly surfaces: readonly Surface[]
  /** What can be written there at all. */
  readonly carries?: (bytes: Buffer) => boolean
}

/** Every way to leak, and the surfaces on which a leak must be found. */
const CHANNELS: Readonly<Record<LeakChannel, Channel>> = {
  stdout: { surfaces: ['standard output'] },
  stderr: { surfaces: ['standard error (log)'] },
  'file in the working folder': { surfaces: ['files written'] },
  'file in the home folder': { surfaces: ['files written'] },
  'temporary file': { surfaces: ['files written'] },
  'file elsewhere': { surfaces: ['files written'] },
  'deleted file': { surfaces: ['files open'] },
  'command line': { surfaces: ['command line'] },
  environment: { surfaces: ['environment with secrets'] },
  metrics: { surfaces: ['/metrics, /livez, /readyz'] },
  info: { surfaces: ['/v1/info'] },
  page: { surfaces: ['page at /'] },
  'answers over HTTP': { surfaces: ROLES },
  'answers over sockets': { surfaces: ROLES },
  'value in Redis': { surfaces: ['Redis: values of keys', 'Redis: RDB file', 'Redis: replication'] },
  'key in Redis': { surfaces: ['Redis: names of keys', 'Redis: RDB file', 'Redis: replication'] },
  message: { surfaces: ['Redis: messages', 'Redis: replication'] },
  channel: { surfaces: ['Redis: channels'] },
  'shard channel': { surfaces: ['Redis: channels'] },
  'slow command': { surfaces: ['Redis: SLOWLOG'] },
  'refused user': { surfaces: ['Redis: ACL LOG'] },
  'client name': { surfaces: ['Redis: CLIENT LIST'], carries: isPrintable },
  function: { surfaces: ['Redis: functions'] },
  'setting of Redis': { surfaces: ['Redis: INFO and figures'], carries: hasNoZero },
  'name of an error': { surfaces: ['Redis: INFO and figures'], carries: isWord },
  'log of Redis': { surfaces: ['Redis: log'], carries: hasNoZero },
}

/** Everybody asks something over HTTP, and opens a socket and sends nothing. */
async function askAll(people: readonly Person[], relay: RelayProcess): Promise<void> {
  await Promise.all(
    people.map(async (person) => {
      const wire = await person.reach(relay)
      await request(wire, '/nothing')
      const socket = await new Socket(`${wire.wsUrl}/v1/mailbox`).opened()
      await socket.rest(300)
      await socket.close()
    }),
  )
}

/** A relay that leaks, and everything that looks for it. */
class LeakingTown {
  readonly #town: Town
  readonly #relay: RelayProcess
  readonly #scanner: Scanner

  constructor(town: Town, relay: RelayProcess, scanner: Scanner) {
    this.#town = town
    this.#relay = relay
    this.#scanner = scanner
  }

  /** Has these leaked in one way. @returns the canaries that are found, by surface */
  async leak(channel: LeakChannel, leaks: readonly Leak[]): Promise<Map<Surface, Set<Canary>>> {
    const town = this.#town
    const order: LeakOrder = { channel, leaks: leaks.map(({ bytes }) => bytes.toString('base64')) }
    const answer = await this.#relay.tell(order)
    if (answer !== 'done') throw new Error(`${channel}: ${answer}`)
    const { surfaces } = CHANNELS[channel]
    // Nobody is asked again, so that nothing is found that went out by another channel.
    const people = surfaces.includes('answers to senders') ? ROLES.map((role) => town.person(channel, role)) : []
    await askAll(people, this.#relay)
    const evidence = new Evidence()
    await town.collect([this.#relay], channel, evidence)
    await town.collectRest(evidence, people)
    return new Map(surfaces.map((surface) => [surface, evidence.canariesOn(surface, this.#scanner)]))
  }
}

type Counts = Map<string, Map<Kind, string>>

/** Leaks in one way, and checks that every canary is found on every surface that this reaches. */
async function check(t: Test, town: LeakingTown, channel: LeakChannel, leaks: readonly Leak[], counts: Counts) {
  const { carries = () => true } = CHANNELS[channel]
  const carried = leaks.filter(({ bytes }) => carries(bytes))
  t.ok(carried.length > 0)
  for (const [surface, found] of await town.leak(channel, carried)) {
    const missed = carried.filter(({ canary }) => !found.has(canary))
    t.same(
      missed.map(({ canary, encoding }) => `${canary.kind}, ${encoding}`),
      [],
      `${surface}, by ${channel}: all of ${carried.length} leaks are found`,
    )
    const row = new Map(
      KIND_NAMES.map((kind) => {
        const [all, lost] = [carried, missed].map((part) => part.filter(({ canary }) => canary.kind === kind).length)
        return [kind, `${(all ?? 0) - (lost ?? 0)}/${all}`]
      }),
    )
    counts.set(`${surface}, by ${channel}`, row)
  }
}

test('whatever a relay leaks, in whatever form, is found', async (t) => {
  const town = await Town.found()
  t.teardown(() => town.leave())
  const leaks = makeLeaks(new CanaryBook())
  const bytes = leaks.reduce((sum, leak) => sum + leak.bytes.length + 2, 0)
  const env = { LETHE_REDIS_URL: `redis://127.0.0.1:${town.redis.port}` }
  const relay = await town.relay('leaking', 'environment', {
    preload: ['opened-files.js', 'leak.js'],
    spareBytes: 2 * bytes,
    env,
  })
  const leaking = new LeakingTown(town, relay, new Scanner(leaks.map(({ canary }) => canary)))
  const counts: Counts = new Map()
  for (const channel of Object.keys(CHANNELS) as LeakChannel[]) await check(t, leaking, channel, leaks, counts)

  const covered = new Set(Object.values(CHANNELS).flatMap(({ surfaces }) => surfaces))
  // The one is about what clients do; the other is read as its neighbour is.
  const others: Surface[] = ['sent by clients over HTTP', 'environment with secret files']
  t.same(
    SURFACE_NAMES.filter((surface) => !covered.has(surface)),
    others,
    'every surface was leaked to',
  )
  t.comment(
    `${leaks.length} leaks of ${Object.keys(ENCODINGS).length} forms; found of those that can be written there:`,
  )
  const rows = [...counts].map(([name, row]) => [name, ...KIND_NAMES.map((kind) => row.get(kind) ?? '')])
  for (const line of format([['', ...KIND_NAMES.map((kind) => KINDS[kind])], ...rows])) t.comment(line)
})
