import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import {
  connectMailboxes,
  createHttpDepositor,
  createMailbox,
  createSocketDepositor,
  type Mailbox,
} from '../../src/client/index.ts'
import { deriveQueue } from '../../src/mailbox/sealing.ts'
import { type RedisServer, startRedis } from '../../test/_util/redis.ts'
import { type Relay, startRelay } from '../../test/_util/relay.ts'
import { eventually } from '../../test/_util/wait.ts'
import { withConnection } from './observe.ts'
import { type Needle, NeedleIndex, searchProcess } from './process-memory.ts'

const SIZE = 4_000
/** Places in an envelope from which a piece is looked for. */
const PIECES = [100, 1_000, 2_000, 3_000, 3_900]

interface Letter {
  readonly mailbox: Mailbox
  readonly envelope: Buffer
}

export interface MemoryOptions {
  /** Envelopes that are deposited and acknowledged, half of them over HTTP and half over a socket. */
  readonly envelopes: number
  readonly pauseSeconds: number
  /** How many others pass after that, before each further image. */
  readonly others: readonly number[]
}

/** What was found at one moment, by kind of needle: which of them. */
export interface Images {
  readonly moment: string
  readonly relay: Image
  readonly redis: Image
}

type Image = ReadonlyMap<string, ReadonlySet<number>>

/**
 * What is in the memory of a relay and its Redis while envelopes wait, when all were acknowledged, after a pause, and
 * after others have passed.
 */
export async function takeImages({ envelopes, pauseSeconds, others }: MemoryOptions): Promise<Images[]> {
  const storeSecret = randomBytes(32)
  const redis = await startRedis()
  const relay = await startRelay({
    LETHE_REDIS_URL: redis.url,
    LETHE_STORE_SECRET: storeSecret.toString('base64url'),
  })
  try {
    const letters = createLetters(envelopes)
    await deposit(relay, letters)
    const index = new NeedleIndex([...needlesOf(letters, storeSecret), ...(await sealedNeedles(redis))])
    const images: Images[] = []
    const take = (moment: string) => {
      const [inRelay, inRedis] = [searchProcess(relay.pid, index).found, searchProcess(redis.pid, index).found]
      images.push({ moment, relay: inRelay, redis: inRedis })
    }
    take('while they wait')
    await acknowledgeAll(relay, redis, letters)
    take('acknowledged, at once')
    await sleep(pauseSeconds * 1000)
    take(`${pauseSeconds} s later, without traffic`)
    for (const count of others) {
      await passOthers(relay, redis, count)
      take(`after ${count} others`)
    }
    return images
  } finally {
    await relay.stop()
    await redis.stop()
  }
}

function createLetters(count: number): Letter[] {
  return Array.from({ length: count }, () => ({ mailbox: createMailbox(), envelope: randomBytes(SIZE) }))
}

/** Half of them are sent over HTTP, half over a socket. */
function transportOf(item: number): 'http' | 'socket' {
  return item % 2 === 0 ? 'http' : 'socket'
}

async function deposit(relay: Relay, letters: readonly Letter[]): Promise<void> {
  const depositors = {
    http: createHttpDepositor({ relay: relay.url }),
    socket: createSocketDepositor({ relay: relay.url, WebSocket }),
  }
  try {
    for (const [i, { mailbox, envelope }] of letters.entries()) {
      await depositors[transportOf(i)].deposit({ address: mailbox.address, envelope })
    }
  } finally {
    for (const depositor of Object.values(depositors)) depositor.close()
  }
}

/** Each owner comes, takes what is there, and goes. */
async function acknowledgeAll(relay: Relay, redis: RedisServer, letters: readonly Letter[]): Promise<void> {
  for (const { mailbox } of letters) {
    const receiver = connectMailboxes({ relay: relay.url, WebSocket })
    for await (const envelope of receiver.receive(mailbox)) {
      await envelope.ack()
      break
    }
    receiver.close()
  }
  await eventually(async () => (await redis.cli('DBSIZE')) === '0')
}

async function passOthers(relay: Relay, redis: RedisServer, count: number): Promise<void> {
  const others = createLetters(count)
  await deposit(relay, others)
  await acknowledgeAll(relay, redis, others)
}

function needlesOf(letters: readonly Letter[], storeSecret: Buffer): Needle[] {
  const needles: Needle[] = [{ kind: 'storeSecret', item: 0, bytes: storeSecret }]
  for (const [item, { mailbox, envelope }] of letters.entries()) {
    const { sealKey, queueId } = deriveQueue(storeSecret, mailbox.address)
    const { address, publicKey } = mailbox
    for (const at of PIECES) needles.push({ kind: `${transportOf(item)} envelope`, item, bytes: envelope.subarray(at) })
    for (const [kind, bytes] of Object.entries({ address, publicKey, sealKey, queueId })) {
      needles.push({ kind, item, bytes })
    }
  }
  return needles
}

/** Pieces of what lies in Redis now. */
async function sealedNeedles(redis: RedisServer): Promise<Needle[]> {
  return await withConnection(redis, async (connection) => {
    const needles: Needle[] = []
    for (const [item, key] of (await connection.keys('*')).entries()) {
      for (const [, [, sealed]] of (await connection.xrangeBuffer(key, '-', '+')) as [Buffer, Buffer[]][]) {
        for (const at of PIECES) needles.push({ kind: 'sealed', item, bytes: (sealed as Buffer).subarray(at) })
      }
    }
    return needles
  })
}
