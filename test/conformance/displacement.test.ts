import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { contentsOf, createEnvelope, createEnvelopes, createMailbox, idsOf, numbersOf, range } from './client.ts'
import { depositAll } from './deposit-socket.ts'
import { type MailboxFrame, parseMailboxFrame } from './frames.ts'
import { acknowledge, deposit, fetchFrom } from './http.ts'
import { connectMailbox, type MailboxSocket } from './mailbox-socket.ts'
import { bothStores, forBothStores, type Relay, relayFor } from './stores.ts'

const ROUNDS = 30

/** Keeps everything that arrives at a socket, by channel. */
function watch(reader: MailboxSocket): (channel: number) => MailboxFrame[] {
  const frames: MailboxFrame[] = []
  const run = async () => {
    for (;;) {
      const arrival = await reader.next(600_000)
      if (arrival.kind === 'close') return
      frames.push(parseMailboxFrame(arrival.bytes))
    }
  }
  void run()
  return (channel) => frames.filter((frame) => frame.type !== 'HELLO' && frame.channel === channel)
}

const typesOf = (frames: readonly MailboxFrame[]): string[] => frames.map(({ type }) => type)

async function onOneSocket(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  await depositAll(relay, mailbox.address, createEnvelopes(4))
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  const received = await reader.untilDrained(1)
  reader.ack(1, idsOf(received.slice(0, 1)))
  reader.sendOpen(2, mailbox)
  const frames = await reader.restFrames(1_500)
  const onChannel = (channel: number) => frames.filter((frame) => frame.type !== 'HELLO' && frame.channel === channel)
  t.same(typesOf(onChannel(1)), ['DISPLACED'])
  t.same(typesOf(onChannel(2)), ['OPENED', 'ENVELOPE', 'ENVELOPE', 'ENVELOPE', 'DRAINED'])
  reader.ack(1, idsOf(received))
  await deposit(relay, mailbox.address, createEnvelope(4_000, 4))
  t.same(numbersOf(await reader.envelopes(2, 1)), [4], 'only the newer channel is served')
  t.same(await reader.restFrames(), [])
  const { envelopes } = await fetchFrom(relay, mailbox, { slots: 8 })
  t.same(numbersOf(envelopes), [1, 2, 3, 4], 'an ACK on the displaced channel is ignored')
  await reader.close()
}

async function onAnotherSocket(t: Test, first: Relay, second: Relay): Promise<void> {
  const mailbox = createMailbox()
  const older = await connectMailbox(first)
  await older.open(1, mailbox)
  await older.untilDrained(1)
  const unconcerned = createMailbox()
  await older.open(2, unconcerned)
  await older.untilDrained(2)
  await deposit(first, mailbox.address, createEnvelope(4_000, 0))
  const unacknowledged = await older.envelopes(1, 1)
  t.same(numbersOf(unacknowledged), [0])
  const newer = await connectMailbox(second)
  await newer.open(9, mailbox)
  t.same(await older.frame(), { type: 'DISPLACED', channel: 1 })
  const again = await newer.untilDrained(9)
  t.same(contentsOf(again), contentsOf(unacknowledged), 'what was not acknowledged comes to the newer, the same')
  for (const [number, relay] of [first, second].entries()) {
    await deposit(relay, mailbox.address, createEnvelope(4_000, 10 + number))
    t.same(numbersOf(await newer.envelopes(9, 1)), [10 + number])
  }
  await deposit(second, unconcerned.address, createEnvelope(4_000, 50))
  t.same(numbersOf(await older.envelopes(2, 1)), [50], 'other channels of the displaced socket go on')
  t.same(await older.restFrames(), [])
  await older.open(3, mailbox)
  t.same(await newer.frame(), { type: 'DISPLACED', channel: 9 }, 'and back again')
  t.same(numbersOf(await older.untilDrained(3)), [0, 10, 11])
  await Promise.all([older.close(), newer.close()])
}

/** Both open the same mailbox at the same instant, round after round: one is displaced, the other served. */
async function atTheSameInstant(t: Test, first: Relay, second: Relay): Promise<void> {
  const sockets = [await connectMailbox(first), await connectMailbox(second)]
  const seen = sockets.map(watch)
  const mailboxes = range(0, ROUNDS).map(() => createMailbox())
  const displaced = (channel: number) => seen.map((frames) => typesOf(frames(channel)).includes('DISPLACED'))
  for (const [channel, mailbox] of mailboxes.entries()) {
    for (const socket of channel % 2 === 0 ? sockets : sockets.toReversed()) socket.sendOpen(channel, mailbox)
    await eventually(() => seen.every((frames) => typesOf(frames(channel)).includes('OPENED')))
    await eventually(() => displaced(channel).includes(true))
    await deposit(channel % 2 === 0 ? first : second, mailbox.address, createEnvelope(4_000, channel))
    await eventually(() => seen.some((frames) => typesOf(frames(channel)).includes('ENVELOPE')))
  }
  await sleep(300)
  for (const channel of mailboxes.keys()) {
    const loser = displaced(channel).indexOf(true)
    const ofLoser = seen[loser]?.(channel) ?? []
    const ofWinner = seen[1 - loser]?.(channel) ?? []
    t.same(
      typesOf(ofLoser)
        .filter((type) => type !== 'DRAINED')
        .slice(0, 2),
      ['OPENED', 'DISPLACED'],
      `round ${channel}`,
    )
    t.equal(typesOf(ofLoser).at(-1), 'DISPLACED', 'nothing comes after DISPLACED')
    t.same(typesOf(ofWinner).slice(0, 1), ['OPENED'])
    t.same(typesOf(ofWinner.filter(({ type }) => type !== 'DRAINED')), ['OPENED', 'ENVELOPE'], 'the other is served')
  }
  for (const socket of sockets) socket.terminate()
}

async function livePushes(t: Test, first: Relay, second: Relay): Promise<void> {
  const mailbox = createMailbox()
  const reader = await connectMailbox(first)
  await reader.open(1, mailbox)
  await reader.untilDrained(1)
  await depositAll(second, mailbox.address, createEnvelopes(25))
  t.same(numbersOf(await reader.envelopes(1, 25)), range(0, 25), 'what another instance took is pushed, in order')
  t.same(await reader.restFrames(), [], 'and no DRAINED after it')
  const { envelopes } = await fetchFrom(second, mailbox, { slots: 16 })
  t.equal((await acknowledge(second, mailbox, idsOf(envelopes))).status, 204)
  const other = createMailbox()
  const longPoll = fetchFrom(first, other, { wait: 30 })
  await sleep(300)
  await deposit(second, other.address, createEnvelope(4_000, 3))
  t.same(numbersOf((await longPoll).envelopes), [3], 'a long poll ends at a deposit on another instance')
  await reader.close()
}

forBothStores('displacement', async (t, relay) => {
  await t.test('[protocol §5] two channels of one socket displace each other', (t) => onOneSocket(t, relay))
  await t.test('[protocol §5] the newest OPEN wins, on another socket', (t) => onAnotherSocket(t, relay, relay))
  await t.test('[protocol §5] two sockets at the same instant', (t) => atTheSameInstant(t, relay, relay))

  await t.test('[protocol §5] a failed OPEN displaces nobody', async (t) => {
    const mailbox = createMailbox()
    const reader = await connectMailbox(relay)
    await reader.open(1, mailbox)
    await reader.untilDrained(1)
    const intruder = await connectMailbox(relay)
    intruder.sendOpen(1, mailbox, { origin: 'https://elsewhere.example' })
    t.match(await intruder.frame(), { type: 'ERROR', code: 5 })
    await deposit(relay, mailbox.address, createEnvelope(4_000, 1))
    t.same(numbersOf(await reader.envelopes(1, 1)), [1])
    await Promise.all([reader.close(), intruder.close()])
  })
})

test('displacement across two instances on one Redis', async (t) => {
  const env = bothStores().find(({ name }) => name === 'Redis')?.env ?? {}
  const [first, second] = [await relayFor(t, env), await relayFor(t, env)]
  await t.test('[protocol §5] the newest OPEN wins, on another instance', (t) => onAnotherSocket(t, first, second))
  await t.test('[protocol §5] two instances at the same instant', (t) => atTheSameInstant(t, first, second))
  await t.test('[protocol §4] deposits on one instance reach sessions on another', (t) => livePushes(t, first, second))
})
