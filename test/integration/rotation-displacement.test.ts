import { setTimeout as sleep } from 'node:timers/promises'
import { sharedRedisUrl } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, type Mailbox, numbersOf, range } from '../conformance/client.ts'
import { type MailboxFrame, parseMailboxFrame } from '../conformance/frames.ts'
import { deposit } from '../conformance/http.ts'
import { connectMailbox, type MailboxSocket } from '../conformance/mailbox-socket.ts'
import { type Relay, relayFor } from '../conformance/stores.ts'
import { rotationOf } from '../traffic/rotation.ts'

const ROUNDS = 16
const PHASES = ['before', 'new secret read-only', 'new secret live', 'after'] as const

type Pair = readonly [Relay, Relay]

async function opened(relay: Relay, mailbox: Mailbox): Promise<MailboxSocket> {
  const socket = await connectMailbox(relay)
  await socket.open(1, mailbox)
  await socket.untilDrained(1)
  return socket
}

/** Opens again and again, here and there in turns: each OPEN displaces the one before, and only it is served. */
async function takeTurns(t: Test, pair: Pair): Promise<void> {
  const mailbox = createMailbox()
  let older = await opened(pair[0], mailbox)
  for (const round of range(0, ROUNDS)) {
    const newer = await opened(pair[(round + 1) % 2] as Relay, mailbox)
    t.same(await older.frame(), { type: 'DISPLACED', channel: 1 }, `round ${round}`)
    await deposit(pair[round % 3 === 0 ? 0 : 1], mailbox.address, createEnvelope(4_000, round))
    const received = await newer.envelopes(1, 1)
    t.same(numbersOf(received), [round])
    const { id } = received[0] as { id: string }
    newer.ack(1, [id])
    t.same(await newer.restFrames(50), [])
    t.same(await older.restFrames(0), [], 'and nothing comes to the older')
    await older.close()
    older = newer
  }
  await older.close()
}

interface Contender {
  readonly socket: MailboxSocket
  readonly frames: MailboxFrame[]
}

/** Connects and keeps what comes. */
async function contender(relay: Relay): Promise<Contender> {
  const socket = await connectMailbox(relay)
  const frames: MailboxFrame[] = []
  const keep = async () => {
    for (;;) {
      const arrival = await socket.next(600_000)
      if (arrival.kind === 'close') return
      frames.push(parseMailboxFrame(arrival.bytes))
    }
  }
  void keep()
  return { socket, frames }
}

const has = ({ frames }: Contender, type: MailboxFrame['type']): boolean => frames.some((frame) => frame.type === type)

/** Both instances are asked at once: one session stays, and is served. */
async function atOnce(t: Test, pair: Pair, round: number): Promise<void> {
  const mailbox = createMailbox()
  const both = [await contender(pair[0]), await contender(pair[1])]
  for (const { socket } of round % 2 === 0 ? both : both.toReversed()) socket.sendOpen(1, mailbox)
  await eventually(() => both.some((one) => has(one, 'DISPLACED')))
  const isServed = (one: Contender) => has(one, 'OPENED') && !has(one, 'DISPLACED')
  await eventually(() => both.some(isServed)).catch(() => {})
  t.ok(both.some(isServed), `round ${round}: one stays, of ${JSON.stringify(both.map(({ frames }) => frames))}`)
  await deposit(pair[round % 2] as Relay, mailbox.address, createEnvelope(4_000, round))
  await eventually(() => both.some((one) => has(one, 'ENVELOPE')))
  await sleep(100)
  const [loser, winner] = has(both[0] as Contender, 'DISPLACED') ? both : both.toReversed()
  t.equal(loser?.frames.at(-1)?.type, 'DISPLACED', 'nothing comes after DISPLACED')
  t.same(
    winner?.frames.filter(({ type }) => type !== 'DRAINED').map(({ type }) => type),
    ['OPENED', 'ENVELOPE'],
    `round ${round}`,
  )
  for (const { socket } of both) socket.terminate()
}

test('[protocol §5] the newest OPEN wins between instances with different secrets', async (t) => {
  const envs = rotationOf(sharedRedisUrl())
  const relays = await Promise.all(envs.map((env) => relayFor(t, env)))
  for (const first of range(0, envs.length - 1)) {
    const pair = relays.slice(first, first + 2) as unknown as Pair
    const name = `${PHASES[first]} | ${PHASES[first + 1]}`
    await t.test(`${name}, in turns`, (t) => takeTurns(t, pair))
    await t.test(`${name}, at the same instant`, async (t) => {
      for (const round of range(0, ROUNDS)) await atOnce(t, pair, round)
    })
  }
})
