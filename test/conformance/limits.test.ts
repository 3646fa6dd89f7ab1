import type { Test } from '../_util/tap.ts'
import {
  createEnvelope,
  createEnvelopes,
  createMailbox,
  fetchBody,
  idsOf,
  type Mailbox,
  numbersOf,
  range,
} from './client.ts'
import { connectDeposit, depositAll } from './deposit-socket.ts'
import { acknowledge, deposit, fetchFrom, post, request } from './http.ts'
import { connectMailbox } from './mailbox-socket.ts'
import { CLOSE, checkProblem, numberOf, parseJson } from './problems.ts'
import { forBothStores, type Relay, withinOneSlot } from './stores.ts'

const ORIGINS = ['https://relay.example', 'https://second.example:8443'] as const
const SIZES = range(1, 9).map((thousands) => thousands * 1_000)
const DAY = 86_400

/** Sizes, bucket, channels, window, origins and lifetimes, all other than by default. */
const ENV = {
  LETHE_ENVELOPE_BYTES: SIZES.join(','),
  LETHE_BUCKET_BYTES: '16000',
  LETHE_MAX_CHANNELS: '3',
  LETHE_WINDOW: '4',
  LETHE_PUBLIC_ORIGIN: ORIGINS.join(','),
  LETHE_MAX_TTL_SECONDS: '100000',
  LETHE_DEFAULT_TTL_SECONDS: '700',
}

const sizeIndexOf = (sizeBytes: number): number => SIZES.indexOf(sizeBytes)
const MAILBOX_FULL = numberOf('ERR_MAILBOX_FULL')

/** Fills the bucket of a mailbox for 4,000 bytes and a day to its last byte. */
async function fillBucket(relay: Relay): Promise<Mailbox> {
  await withinOneSlot(DAY)
  const mailbox = createMailbox()
  await depositAll(relay, mailbox.address, createEnvelopes(4), DAY)
  return mailbox
}

async function fullBucket(t: Test, relay: Relay): Promise<void> {
  const mailbox = await fillBucket(relay)
  const fifth = () => deposit(relay, mailbox.address, createEnvelope(4_000, 9), DAY)
  checkProblem(t, await fifth(), 'ERR_MAILBOX_FULL', 'a fifth')
  const socket = await connectDeposit(relay)
  const one = { ref: 1, ttl: DAY, address: mailbox.address, envelope: createEnvelope() }
  socket.deposit(one)
  t.same(await socket.answer(), { type: 'ERROR', ref: 1, code: MAILBOX_FULL })
  socket.deposit({ ...one, ref: 2, ttl: 3_600, envelope: createEnvelope(4_000, 20) })
  t.same(await socket.answer(), { type: 'ACCEPTED', ref: 2 }, 'another class is not full')
  socket.deposit({ ...one, ref: 3, envelope: createEnvelope(8_000, 30) })
  t.same(await socket.answer(), { type: 'ACCEPTED', ref: 3 }, 'another size is not full')
  socket.deposit({ ...one, ref: 4, address: createMailbox().address })
  t.same(await socket.answer(), { type: 'ACCEPTED', ref: 4 }, 'another mailbox is not full')
  await socket.close()
  const at = { ...relay, origin: ORIGINS[0] }
  const small = async () =>
    (await fetchFrom(at, mailbox, { sizeIndex: sizeIndexOf(4_000), sizeBytes: 4_000, slots: 16 })).envelopes
  const held = await small()
  const ofDay = numbersOf(held).filter((number) => number < 20)
  t.same(ofDay, [0, 1, 2, 3], 'what was accepted is intact and in order')
  const acknowledged = held.filter(({ envelope }) => envelope.readUInt32BE() === 1)
  t.equal((await acknowledge(at, mailbox, idsOf(acknowledged))).status, 204)
  t.equal((await fifth()).status, 202, 'an acknowledgement makes room for one')
  checkProblem(t, await fifth(), 'ERR_MAILBOX_FULL', 'and for no more')
  t.same(
    numbersOf(await small()).filter((number) => number !== 20),
    [0, 2, 3, 9],
  )
}

async function pipelinedOverflow(t: Test, relay: Relay): Promise<void> {
  await withinOneSlot(DAY)
  const { address } = createMailbox()
  const socket = await connectDeposit(relay)
  const answers = await socket.depositAll(
    range(0, 8).map((ref) => ({ ref, ttl: DAY, address, envelope: createEnvelope() })),
  )
  t.same(
    answers.map((answer) => (answer.type === 'ERROR' ? answer.code : 0)),
    [0, 0, 0, 0, MAILBOX_FULL, MAILBOX_FULL, MAILBOX_FULL, MAILBOX_FULL],
    'the first four, whatever comes in one go',
  )
  await socket.close()
}

async function channels(t: Test, relay: Relay): Promise<void> {
  const at = { ...relay, origin: ORIGINS[0] }
  const reader = await connectMailbox(at)
  const mailboxes = range(0, 3).map(() => createMailbox())
  for (const [channel, mailbox] of mailboxes.entries()) {
    await reader.open(channel, mailbox)
    await reader.untilDrained(channel)
  }
  const tooMany = { type: 'ERROR', code: numberOf('ERR_TOO_MANY_CHANNELS') }
  reader.sendOpen(100, createMailbox())
  t.same(await reader.frame(), { ...tooMany, channel: 100 }, 'a fourth')
  reader.closeChannel(1)
  reader.sendOpen(101, createMailbox())
  t.same(await reader.frame(), { ...tooMany, channel: 101 }, 'every OPEN counts, also of a channel that was closed')
  await deposit(relay, mailboxes[2]?.address ?? Buffer.alloc(0), createEnvelope(4_000, 8))
  t.same(numbersOf(await reader.envelopes(2, 1)), [8], 'the others are served')
  await reader.close()
  const failing = await connectMailbox(at)
  failing.sendOpen(1, createMailbox(), { origin: relay.origin })
  t.match(await failing.frame(), { type: 'ERROR', code: numberOf('ERR_SIGNATURE') })
  for (const channel of [2, 3]) {
    await failing.open(channel, createMailbox())
    await failing.untilDrained(channel)
  }
  failing.sendOpen(4, createMailbox())
  t.same(await failing.frame(), { ...tooMany, channel: 4 }, 'a failed OPEN counts too')
  await failing.close()
}

async function origins(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  for (const origin of ORIGINS) {
    const reader = await connectMailbox({ ...relay, origin })
    await reader.open(1, mailbox)
    await reader.close()
    t.equal((await post(relay, '/v1/mailbox/fetch', fetchBody(mailbox, origin))).status, 200, origin)
  }
  const { port } = new URL(relay.url)
  const others = [relay.origin, `http://localhost:${port}`, 'http://relay.example', 'https://relay.example:443']
  for (const origin of [...others, 'https://second.example', 'https://RELAY.example']) {
    const reader = await connectMailbox({ ...relay, origin })
    reader.sendOpen(1, mailbox)
    t.same(await reader.frame(), { type: 'ERROR', channel: 1, code: numberOf('ERR_SIGNATURE') }, origin)
    await reader.close()
    checkProblem(t, await post(relay, '/v1/mailbox/fetch', fetchBody(mailbox, origin)), 'ERR_SIGNATURE', origin)
  }
}

async function eightSizes(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  const at = { ...relay, origin: ORIGINS[0] }
  for (const sizeBytes of SIZES) await depositAll(relay, mailbox.address, createEnvelopes(2, sizeBytes, sizeBytes))
  for (const [sizeIndex, sizeBytes] of SIZES.entries()) {
    const one = await fetchFrom(at, mailbox, { sizeIndex, sizeBytes })
    t.same(numbersOf(one.envelopes), [sizeBytes])
    t.equal(one.waiting, 0xff, 'of each size more waits')
    const both = await fetchFrom(at, mailbox, { sizeIndex, sizeBytes, slots: 16 })
    t.same(numbersOf(both.envelopes), [sizeBytes, sizeBytes + 1])
    t.equal(both.waiting, 0xff ^ (1 << sizeIndex), 'but of this one, which is all here')
  }
  const beyond = fetchBody(mailbox, at.origin, { sizeIndex: 8 })
  checkProblem(t, await post(relay, '/v1/mailbox/fetch', beyond), 'ERR_MALFORMED', 'a ninth size')
  checkProblem(t, await deposit(relay, mailbox.address, createEnvelope(8_001)), 'ERR_TOO_LARGE', 'over the largest')
  checkProblem(t, await deposit(relay, mailbox.address, createEnvelope(4_500)), 'ERR_ENVELOPE_SIZE', 'between two')
  const socket = await connectDeposit(relay)
  socket.deposit({ ref: 1, ttl: 0, address: mailbox.address, envelope: createEnvelope(8_001) })
  t.equal(await socket.closeCode(), CLOSE.tooLarge)
}

forBothStores(
  'limits',
  async (t, relay) => {
    await t.test('[protocol §6] a full bucket', (t) => fullBucket(t, relay))
    await t.test('[protocol §6] a bucket that fills up within one go', (t) => pipelinedOverflow(t, relay))
    await t.test('[protocol §5] every OPEN counts against the channel limit', (t) => channels(t, relay))
    await t.test('[protocol §5] signatures name a configured origin', (t) => origins(t, relay))
    await t.test('[protocol §2] eight sizes', (t) => eightSizes(t, relay))

    await t.test('[protocol §5] the window is the configured one', async (t) => {
      const mailbox = createMailbox()
      await depositAll(relay, mailbox.address, createEnvelopes(3))
      await depositAll(relay, mailbox.address, createEnvelopes(2, 8_000))
      await depositAll(relay, mailbox.address, createEnvelopes(1, 1_000))
      const reader = await connectMailbox({ ...relay, origin: ORIGINS[1] })
      await reader.open(1, mailbox)
      const received = await reader.envelopes(1, 4)
      t.same(await reader.restFrames(), [])
      reader.ack(1, idsOf(received))
      t.equal((await reader.untilDrained(1)).length, 2)
      await reader.close()
    })

    await t.test('[protocol §3] lifetimes are capped and defaulted as configured', async (t) => {
      const granted = async (ttl?: number) =>
        (await deposit(relay, createMailbox().address, createEnvelope(), ttl)).headers.ttl
      t.equal(await granted(604_800), '86400', 'the largest class within the cap')
      t.equal(await granted(86_400), '86400')
      t.equal(await granted(), '600', 'the class of the default')
    })

    await t.test('[protocol §7] and /v1/info says so', async (t) => {
      const info = parseJson((await request(relay, '/v1/info')).body)
      const said = { envelopeBytes: SIZES, bucketBytes: 16_000, window: 4, maxTtl: 100_000, defaultTtl: 700 }
      t.match(info, { ...said, publicOrigins: [...ORIGINS] })
    })
  },
  ENV,
)
