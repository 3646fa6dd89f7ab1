import { randomBytes } from 'node:crypto'
import type { Test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import {
  ackFrame,
  contentsOf,
  createEnvelope,
  createEnvelopes,
  createMailbox,
  idsOf,
  numbersOf,
  range,
} from './client.ts'
import { depositAll } from './deposit-socket.ts'
import { acknowledge, deposit, fetchFrom } from './http.ts'
import { connectMailbox, peek } from './mailbox-socket.ts'
import { CLOSE } from './problems.ts'
import { forBothStores, type Relay, withinOneSlot } from './stores.ts'

const WINDOW = 32
const unknownId = (): string => randomBytes(16).toString('hex')

async function foreignIds(t: Test, relay: Relay): Promise<void> {
  const [mine, other] = [createMailbox(), createMailbox()]
  await depositAll(relay, mine.address, createEnvelopes(40))
  await depositAll(relay, other.address, createEnvelopes(2, 4_000, 500))
  const reader = await connectMailbox(relay)
  await reader.open(2, other)
  const others = await reader.untilDrained(2)
  await reader.open(1, mine)
  const received = await reader.envelopes(1, WINDOW)
  reader.ack(1, [unknownId(), '0'.repeat(32), ...idsOf(others), unknownId()])
  reader.ack(2, idsOf(received))
  t.same(await reader.restFrames(), [], 'no answer, and no room in the window')
  await reader.close()
  t.same(numbersOf(await peek(relay, other)), [500, 501], 'not erased through the channel of another mailbox')
  const { envelopes } = await fetchFrom(relay, mine, { slots: 16 })
  t.same(contentsOf(envelopes), contentsOf(received.slice(0, 16)), 'not erased')
}

async function repeatedIds(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  await depositAll(relay, mailbox.address, createEnvelopes(70))
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  const [first, second] = await reader.envelopes(1, WINDOW)
  const ids = idsOf([first, second].filter((one) => one !== undefined))
  reader.ack(1, Array<string>(64).fill(ids[0] ?? ''))
  t.same(numbersOf(await reader.envelopes(1, 1)), [32])
  t.same(await reader.restFrames(), [], 'one envelope acknowledged 64 times makes room for one')
  reader.ack(1, ids)
  t.same(numbersOf(await reader.envelopes(1, 1)), [33])
  t.same(await reader.restFrames(), [], 'an old id makes no more room')
  await reader.close()
}

async function learnedByFetch(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  await depositAll(relay, mailbox.address, createEnvelopes(WINDOW))
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  const received = await reader.untilDrained(1)
  await depositAll(relay, mailbox.address, createEnvelopes(3, 64_000, 100))
  const waiting = async () => (await fetchFrom(relay, mailbox, { sizeIndex: 1, slots: 4 })).envelopes
  reader.ack(1, idsOf((await waiting()).slice(1, 2)))
  await eventually(async () => (await waiting()).length < 3)
  t.same(numbersOf(await waiting()), [100, 102], 'erased by an id that this channel has not told')
  t.same(await reader.restFrames(), [], 'and the window is as full as before')
  reader.ack(1, idsOf(received))
  t.same(numbersOf(await reader.untilDrained(1)), [100, 102])
  await reader.close()
}

/** Acknowledges, which empties the bucket, refills it in the same slot, and repeats every old ACK. */
async function refilledSlot(t: Test, relay: Relay): Promise<void> {
  await withinOneSlot(604_800)
  const mailbox = createMailbox()
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  await reader.untilDrained(1)
  const seen: string[] = []
  for (let round = 0; round < 12; round++) {
    await deposit(relay, mailbox.address, createEnvelope(4_000, round), 604_800)
    const [received] = await reader.envelopes(1, 1)
    t.notOk(seen.includes(received?.id ?? ''), 'a new id')
    if (seen.length > 0) {
      reader.ack(1, seen)
      t.equal((await acknowledge(relay, mailbox, seen)).status, 204)
    }
    const { envelopes } = await fetchFrom(relay, mailbox, { slots: 2 })
    t.same(numbersOf(envelopes), [round], 'old acknowledgements do not reach the new envelope')
    seen.push(received?.id ?? '')
    if (round % 2 === 0) t.equal((await acknowledge(relay, mailbox, seen.slice(-1))).status, 204)
    else reader.ack(1, seen.slice(-1))
    await eventually(async () => (await fetchFrom(relay, mailbox)).envelopes.length === 0)
  }
  t.same(await reader.restFrames(), [])
  await reader.close()
}

forBothStores('acknowledgement', async (t, relay) => {
  await t.test('[protocol §5] ids of other mailboxes and of none are ignored', (t) => foreignIds(t, relay))
  await t.test('[protocol §5] an id counts once', (t) => repeatedIds(t, relay))
  await t.test('[protocol §5] ACK takes any id of the mailbox, wherever it was learned', (t) =>
    learnedByFetch(t, relay),
  )
  await t.test('[protocol §1] a repeated ACK erases nothing new', (t) => refilledSlot(t, relay))

  await t.test('[protocol §5] up to 64 ids in one ACK', async (t) => {
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(66))
    const reader = await connectMailbox(relay)
    await reader.open(1, mailbox)
    const received = await reader.envelopes(1, WINDOW)
    reader.ack(1, [...idsOf(received), ...range(0, 32).map(unknownId)])
    const next = await reader.envelopes(1, WINDOW)
    reader.ack(1, idsOf(next))
    t.same(numbersOf(await reader.untilDrained(1)), [64, 65])
    await reader.close()
    t.same(numbersOf(await peek(relay, mailbox)), [64, 65])
  })

  await t.test('[protocol §6] none, 65 or half an id close 4400', async (t) => {
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(2))
    const whole = ackFrame(1, range(0, 65).map(unknownId))
    for (const length of [1, 2, 3, 4, 11, 18, 20, 3 + 63 * 16 + 15, 3 + 65 * 16]) {
      const reader = await connectMailbox(relay)
      await reader.open(1, mailbox)
      await reader.untilDrained(1)
      reader.send(whole.subarray(0, length))
      t.equal(await reader.closeCode(), CLOSE.malformed, `ACK of ${length} bytes`)
    }
    t.equal((await peek(relay, mailbox)).length, 2)
  })

  await t.test('[protocol §5] an acknowledgement frees the mailbox of the envelope alone', async (t) => {
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(5))
    await depositAll(relay, mailbox.address, createEnvelopes(5, 64_000, 10))
    const reader = await connectMailbox(relay)
    await reader.open(1, mailbox)
    const received = await reader.untilDrained(1)
    const chosen = received.filter(({ envelope }) => [1, 3, 12].includes(envelope.readUInt32BE()))
    reader.ack(1, idsOf(chosen))
    reader.closeChannel(1)
    await reader.open(2, mailbox)
    const left = numbersOf(await reader.untilDrained(2)).sort((a, b) => a - b)
    t.same(left, [0, 2, 4, 10, 11, 13, 14])
    await reader.close()
  })
})
