import type { Test } from '../_util/tap.ts'
import {
  contentsOf,
  createEnvelope,
  createEnvelopes,
  createMailbox,
  idsOf,
  type Mailbox,
  numbersOf,
  range,
} from './client.ts'
import { depositAll } from './deposit-socket.ts'
import { deposit, fetchFrom } from './http.ts'
import { connectMailbox, type MailboxSocket, peek } from './mailbox-socket.ts'
import { forBothStores, type Relay } from './stores.ts'

const WINDOW = 32

/** A mailbox with envelopes in it, opened on channel 1 of a new socket. */
async function openFilled(
  relay: Relay,
  envelopes: readonly Buffer[],
): Promise<{ mailbox: Mailbox; reader: MailboxSocket }> {
  const mailbox = createMailbox()
  if (envelopes.length > 0) await depositAll(relay, mailbox.address, envelopes)
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  return { mailbox, reader }
}

async function severalMailboxes(t: Test, relay: Relay): Promise<void> {
  const reader = await connectMailbox(relay)
  const channels = [0, 1, 0x0201, 0xffff]
  const mailboxes = channels.map(() => createMailbox())
  for (const [index, mailbox] of mailboxes.entries()) {
    await depositAll(relay, mailbox.address, createEnvelopes(3, 4_000, index * 10))
  }
  for (const [index, channel] of channels.entries()) {
    await reader.open(channel, mailboxes[index] ?? createMailbox())
    t.same(numbersOf(await reader.untilDrained(channel)), range(index * 10, index * 10 + 3), `channel ${channel}`)
  }
  for (const [index, channel] of channels.entries()) {
    await deposit(relay, mailboxes[index]?.address ?? Buffer.alloc(32), createEnvelope(4_000, 100 + index))
    t.same(numbersOf(await reader.envelopes(channel, 1)), [100 + index], `live on channel ${channel}`)
  }
  t.same(await reader.restFrames(), [])
  await reader.close()
}

async function windowOfAllSizes(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  await depositAll(relay, mailbox.address, createEnvelopes(30, 4_000))
  await depositAll(relay, mailbox.address, createEnvelopes(30, 64_000, 1_000))
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  const first = await reader.envelopes(1, WINDOW)
  t.same(await reader.restFrames(), [], 'no more than the window, and not drained')
  const all = [...first]
  const acknowledgeOldest = (count: number) =>
    reader.ack(1, idsOf(all.slice(all.length - WINDOW, all.length - WINDOW + count)))
  for (const count of [1, 5, 13]) {
    acknowledgeOldest(count)
    all.push(...(await reader.envelopes(1, count)))
    t.same(await reader.restFrames(), [], `exactly ${count} more after ${count} acknowledgements`)
  }
  acknowledgeOldest(20)
  const last = await reader.untilDrained(1)
  t.equal(last.length, 9, 'all that was left')
  all.push(...last)
  const [small, large] = [4_000, 64_000].map((size) => all.filter(({ envelope }) => envelope.length === size))
  t.same(numbersOf(small ?? []), range(0, 30), 'in order within the small ones')
  t.same(numbersOf(large ?? []), range(1_000, 1_030), 'in order within the large ones')
  await reader.close()
}

async function windowOfItsOwn(t: Test, relay: Relay): Promise<void> {
  const reader = await connectMailbox(relay)
  for (const channel of [1, 2]) {
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(WINDOW + 3))
    await reader.open(channel, mailbox)
    const received = await reader.envelopes(channel, WINDOW)
    t.same(await reader.restFrames(), [], `channel ${channel} is full`)
    if (channel === 1) continue
    reader.ack(channel, idsOf(received.slice(0, 3)))
    t.same(numbersOf(await reader.untilDrained(channel)), range(WINDOW, WINDOW + 3), 'room in it alone')
    t.same(await reader.restFrames(), [])
  }
  await reader.close()
}

async function caughtUpAgain(t: Test, relay: Relay): Promise<void> {
  const { mailbox, reader } = await openFilled(relay, createEnvelopes(WINDOW))
  const first = await reader.untilDrained(1)
  t.same(numbersOf(first), range(0, WINDOW), 'a full window: all that waited was sent, so DRAINED comes')
  await depositAll(relay, mailbox.address, createEnvelopes(3, 4_000, WINDOW))
  t.same(await reader.restFrames(), [], 'the window is full')
  reader.ack(1, idsOf(first.slice(0, 2)))
  t.same(numbersOf(await reader.envelopes(1, 2)), [32, 33])
  t.same(await reader.restFrames(), [], 'still behind')
  reader.ack(1, idsOf(first.slice(2)))
  t.same(numbersOf(await reader.untilDrained(1)), [34], 'caught up: DRAINED again')
  await depositAll(relay, mailbox.address, createEnvelopes(3, 4_000, 35))
  t.same(numbersOf(await reader.envelopes(1, 3)), [35, 36, 37])
  t.same(await reader.restFrames(), [], 'live pushes end with no DRAINED')
  await reader.close()
}

async function turnsOfBuckets(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  await depositAll(relay, mailbox.address, createEnvelopes(300), 86_400)
  await depositAll(relay, mailbox.address, createEnvelopes(3, 64_000, 1_000), 86_400)
  await depositAll(relay, mailbox.address, createEnvelopes(3, 4_000, 2_000), 3_600)
  await depositAll(relay, mailbox.address, createEnvelopes(3, 64_000, 3_000), 604_800)
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  const numbers = numbersOf(await reader.takeAll(1))
  t.equal(numbers.length, 309)
  const others = numbers.filter((number) => number >= 1_000)
  const lastOther = numbers.findLastIndex((number) => number >= 1_000)
  t.ok(lastOther < 150, `the nine others come while the flood of 300 goes on (the last is number ${lastOther})`)
  t.same(
    numbers.filter((number) => number < 1_000),
    range(0, 300),
    'the flood in its order',
  )
  for (const first of [1_000, 2_000, 3_000]) {
    const ofBucket = others.filter((number) => number >= first && number < first + 1_000)
    t.same(ofBucket, range(first, first + 3), 'each bucket in its order')
  }
  await reader.close()
}

forBothStores('delivery', async (t, relay) => {
  await t.test('[protocol §5] HELLO first, with a nonce of its own', async (t) => {
    const nonces = new Set<string>()
    for (let round = 0; round < 20; round++) {
      const reader = await connectMailbox(relay)
      nonces.add(reader.nonce.toString('hex'))
      if (round === 0) t.same(await reader.rest(), [], 'nothing but HELLO before OPEN')
      await reader.close()
    }
    t.equal(nonces.size, 20)
  })

  await t.test('[protocol §5] an empty mailbox is drained at once, and once', async (t) => {
    const { reader } = await openFilled(relay, [])
    t.same(await reader.untilDrained(1), [])
    t.same(await reader.restFrames(), [])
    await reader.close()
  })

  await t.test('[protocol §5] DRAINED when all that waited has been sent, acknowledged or not', async (t) => {
    for (const sizeBytes of [4_000, 64_000]) {
      const sent = createEnvelopes(5, sizeBytes)
      const { reader } = await openFilled(relay, sent)
      const received = await reader.untilDrained(1)
      t.ok(Buffer.concat(received.map(({ envelope }) => envelope)).equals(Buffer.concat(sent)), 'the bytes as sent')
      t.same(await reader.restFrames(), [], 'nothing after DRAINED')
      await reader.close()
    }
  })

  await t.test('[protocol §5] what comes later is pushed, without DRAINED', async (t) => {
    const { mailbox, reader } = await openFilled(relay, [])
    await reader.untilDrained(1)
    for (const [number, sizeBytes] of [4_000, 64_000, 4_000, 64_000].entries()) {
      t.equal((await deposit(relay, mailbox.address, createEnvelope(sizeBytes, number), 600)).status, 202)
      t.same(numbersOf(await reader.envelopes(1, 1)), [number])
    }
    await depositAll(relay, mailbox.address, createEnvelopes(20, 4_000, 4))
    t.same(numbersOf(await reader.envelopes(1, 20)), range(4, 24))
    t.same(await reader.restFrames(), [])
    await reader.close()
  })

  await t.test('[protocol §5] several mailboxes on one socket', (t) => severalMailboxes(t, relay))
  await t.test('[protocol §5] one window for all sizes; as many more as acknowledged', (t) =>
    windowOfAllSizes(t, relay),
  )
  await t.test('[protocol §5] each channel has a window of its own', (t) => windowOfItsOwn(t, relay))
  await t.test('[protocol §5] DRAINED again when a session has caught up', (t) => caughtUpAgain(t, relay))
  await t.test('[protocol §5] buckets take turns', (t) => turnsOfBuckets(t, relay))

  await t.test('[protocol §5] hundreds in the order of their deposit, within a class and size', async (t) => {
    for (const ttl of [600, 604_800]) {
      const mailbox = createMailbox()
      await depositAll(relay, mailbox.address, createEnvelopes(400), ttl)
      const reader = await connectMailbox(relay)
      await reader.open(1, mailbox)
      t.same(numbersOf(await reader.takeAll(1)), range(0, 400))
      t.same(await reader.restFrames(), [], 'DRAINED once after a backlog larger than the window')
      await reader.close()
    }
  })

  await t.test('[protocol §5] what comes live does not overtake what waits', async (t) => {
    const { mailbox, reader } = await openFilled(relay, createEnvelopes(WINDOW + 8))
    const received = await reader.envelopes(1, WINDOW)
    await depositAll(relay, mailbox.address, createEnvelopes(10, 4_000, WINDOW + 8))
    reader.ack(1, idsOf(received))
    received.push(...(await reader.untilDrained(1)))
    t.same(numbersOf(received), range(0, WINDOW + 18))
    await reader.close()
  })

  await t.test('[protocol §5] what was not acknowledged comes again, the same; what was does not', async (t) => {
    const { mailbox, reader } = await openFilled(relay, createEnvelopes(10))
    const first = await reader.untilDrained(1)
    const acknowledged = first.filter((_, index) => index % 3 === 0)
    reader.ack(1, idsOf(acknowledged))
    t.same(await reader.restFrames(), [])
    reader.terminate()
    const again = await peek(relay, mailbox)
    const left = first.filter((_, index) => index % 3 !== 0)
    t.same(contentsOf(again), contentsOf(left), 'ids and bytes as before')
    t.same(contentsOf(await peek(relay, mailbox)), contentsOf(left), 'and again')
  })

  await t.test('[protocol §1] ids are opaque and never repeat', async (t) => {
    const mailboxes = [createMailbox(), createMailbox()]
    const ids: string[] = []
    for (const mailbox of mailboxes) {
      await depositAll(relay, mailbox.address, createEnvelopes(100))
      const reader = await connectMailbox(relay)
      await reader.open(1, mailbox)
      ids.push(...idsOf(await reader.takeAll(1)))
      await reader.close()
    }
    for (const [from, to] of [
      [0, 32],
      [0, 12],
      [20, 32],
    ] as const) {
      t.equal(new Set(ids.map((id) => id.slice(from, to))).size, 200, `all differ in digits ${from} to ${to}`)
    }
  })

  await t.test('[protocol §5] CLOSE ends delivery; another channel gets what was left', async (t) => {
    const { mailbox, reader } = await openFilled(relay, createEnvelopes(4))
    const received = await reader.untilDrained(1)
    reader.ack(1, idsOf(received.slice(0, 1)))
    reader.closeChannel(1)
    t.same(await reader.restFrames(), [], 'no answer')
    await depositAll(relay, mailbox.address, createEnvelopes(1, 4_000, 4))
    t.same(await reader.restFrames(), [], 'nothing is delivered to a closed channel')
    await reader.open(2, mailbox)
    t.same(numbersOf(await reader.untilDrained(2)), [1, 2, 3, 4])
    await reader.close()
  })

  await t.test('[protocol §5] a fetch shows the same ids, and displaces nobody', async (t) => {
    const { mailbox, reader } = await openFilled(relay, createEnvelopes(3))
    const received = await reader.untilDrained(1)
    const { envelopes } = await fetchFrom(relay, mailbox, { slots: 4 })
    t.same(contentsOf(envelopes), contentsOf(received))
    t.same(await reader.restFrames(), [])
    await deposit(relay, mailbox.address, createEnvelope(4_000, 3))
    t.same(numbersOf(await reader.envelopes(1, 1)), [3], 'the channel is served on')
    await reader.close()
  })
})
