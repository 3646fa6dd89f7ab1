import { Redis } from 'ioredis'
import { deriveQueue } from '../../src/mailbox/sealing.ts'
import type { WakeBits } from '../../src/store/redis/keys.ts'
import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import type { RedisServer } from '../../test/_util/redis.ts'
import { eventually } from '../../test/_util/wait.ts'
import type { Truth } from './layout.ts'
import { type Observed, withConnection } from './observe.ts'
import { plainChannel } from './plain-layout.ts'
import type { SimulatedDay } from './simulated-day.ts'

/** An attack that says who is online; of mailboxes or of streams. */
export interface PresenceResult {
  /** Share of those online that it says so of, and share of the others. The difference is what it knows. */
  readonly found: number
  readonly falseAlarms: number
  /** What there was to see. */
  readonly channels: number
}

/**
 * Opens the mailboxes that are online, as a relay does, and asks Redis who listens to what. Tied to addresses, a channel
 * says nothing without storeSecret; so the attack is on buckets: it calls those online in whose partition somebody listens.
 */
export async function watchLethe(
  server: RedisServer,
  day: SimulatedDay,
  truth: Truth,
  storeSecret: Uint8Array,
  wakeBits: WakeBits,
): Promise<PresenceResult> {
  const target = { kind: 'node', hosts: [{ host: '127.0.0.1', port: server.port }], tls: false, db: 0 } as const
  const store = new RedisMailboxStore({ target, minReplicas: 0, wakeBits })
  try {
    await store.start({ wake() {}, announced() {}, up() {}, down() {}, replaced() {} })
    await eventually(() => store.isReady())
    const online = [...day.online].map((mailbox) => deriveQueue(storeSecret, day.addresses[mailbox] as Buffer))
    await Promise.all(online.map((queue) => store.follow(queue)))
    const channels = await withConnection(
      server,
      async (redis) => (await redis.call('PUBSUB', 'SHARDCHANNELS')) as string[],
    )
    const partitions = new Set(channels.map(partitionOf))
    return judge([...truth], day, channels.length, ([key]) => partitions.has(partitionOf(key)))
  } finally {
    await store.close()
  }
}

/** The same of the plain layout: each owner who is online listens to a channel named after the mailbox. */
export async function watchPlain(server: RedisServer, day: SimulatedDay, truth: Truth): Promise<PresenceResult> {
  const listener = new Redis(server.port, '127.0.0.1')
  try {
    await listener.subscribe(...[...day.online].map((mailbox) => plainChannel(day.addresses[mailbox] as Buffer)))
    const channels = await withConnection(server, async (redis) => (await redis.call('PUBSUB', 'CHANNELS')) as string[])
    const named = new Set(channels)
    return judge([...truth], day, channels.length, ([, { mailbox }]) =>
      named.has(plainChannel(day.addresses[mailbox] as Buffer)),
    )
  } finally {
    listener.disconnect()
  }
}

/** Calls the owners of those streams online that were used within the last half minute, in which a relay looks after them. */
export function watchUse(observed: readonly Observed[], day: SimulatedDay, truth: Truth): PresenceResult {
  const idle = new Map(observed.map(({ key, idleSeconds }) => [key, idleSeconds]))
  return judge([...truth], day, 0, ([key]) => (idle.get(key) ?? Number.POSITIVE_INFINITY) <= 30)
}

type Stream = [key: string, { readonly mailbox: number }]

function judge(
  streams: readonly Stream[],
  { online }: SimulatedDay,
  channels: number,
  isCalled: (stream: Stream) => boolean,
): PresenceResult {
  const present = streams.filter(([, { mailbox }]) => online.has(mailbox))
  const absent = streams.filter(([, { mailbox }]) => !online.has(mailbox))
  const share = (list: readonly Stream[]) => (list.length === 0 ? 0 : list.filter(isCalled).length / list.length)
  return { found: share(present), falseAlarms: share(absent), channels }
}

function partitionOf(name: string): string {
  return /\{(\w+)\}/.exec(name)?.[1] ?? ''
}
