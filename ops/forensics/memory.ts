import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
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

/**
 * `npm run forensics:memory`: what is left in the memory of relay and Redis after everything was acknowledged: at once,
 * after a pause, and after as much traffic again, as a table.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { envelopes: { type: 'string', default: '400' }, pause: { type: 'string', default: '60' } },
  })
  const storeSecret = randomBytes(32)
  const redis = await startRedis()
  const relay = await startRelay({
    LETHE_REDIS_URL: redis.url,
    LETHE_STORE_SECRET: storeSecret.toString('base64url'),
  })
  try {
    const letters = createLetters(Number(values.envelopes))
    await deposit(relay, letters)
    const needles = [...needlesOf(letters, storeSecret), ...(await sealedNeedles(redis))]
    const index = new NeedleIndex(needles)
    const images: [string, ...Images][] = [['while they wait', ...take(relay, redis, index)]]
    await acknowledgeAll(relay, redis, letters)
    images.push(['acknowledged, at once', ...take(relay, redis, index)])
    await sleep(Number(values.pause) * 1000)
    images.push([`${values.pause} s later, without traffic`, ...take(relay, redis, index)])
    await passOthers(relay, redis, letters.length)
    images.push(['after as many others', ...take(relay, redis, index)])
    await passOthers(relay, redis, 10 * letters.length)
    images.push(['after ten times as many others', ...take(relay, redis, index)])
    process.stdout.write(`${renderImages(images, letters.length)}\n`)
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

const KINDS = [
  ['http envelope', "the sender's ciphertext, sent over HTTP"],
  ['socket envelope', 'the same, sent over a socket'],
  ['sealed', 'either, sealed for Redis'],
  ['address', 'addresses'],
  ['publicKey', 'public keys of mailboxes'],
  ['sealKey', 'keys that open what is sealed'],
  ['queueId', 'queueIds'],
  ['storeSecret', 'storeSecret'],
] as const

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

type Image = ReturnType<typeof searchProcess>
type Images = [relay: Image, redis: Image]

function take(relay: Relay, redis: RedisServer, index: NeedleIndex): Images {
  return [searchProcess(relay.pid, index), searchProcess(redis.pid, index)]
}

function renderImages(images: readonly [string, ...Images][], letters: number): string {
  const lines = [
    ['found of', 'in', ...images.map(([moment]) => moment)],
    Array.from({ length: images.length + 2 }, () => '---'),
  ]
  for (const [kind, title] of KINDS) {
    for (const [place, name] of [
      [1, 'relay'],
      [2, 'Redis'],
    ] as const) {
      const total = kind === 'storeSecret' ? 1 : kind.endsWith(' envelope') ? letters / 2 : letters
      const cells = images.map((image) => `${image[place].found.get(kind)?.size ?? 0} of ${total}`)
      lines.push([title, name, ...cells])
    }
  }
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

await main()
