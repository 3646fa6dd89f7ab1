import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from '../_util/tap.ts'
import {
  contentsOf,
  corrupted,
  createEnvelope,
  createEnvelopes,
  createMailbox,
  fetchBody,
  idsOf,
  minuteNow,
  numbersOf,
  range,
  signedBody,
} from './client.ts'
import { depositAll } from './deposit-socket.ts'
import { parseFetchAnswer } from './frames.ts'
import { acknowledge, deposit, fetchFrom, post } from './http.ts'
import { checkEveryAnswer, checkProblem } from './problems.ts'
import { forBothStores, type Relay } from './stores.ts'

const FETCH = '/v1/mailbox/fetch'
const KEEP_ALIVE = { Connection: 'keep-alive' }
const SIZES = [4_000, 64_000] as const

/** Time that something took, in milliseconds. */
async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const start = performance.now()
  return [await work, performance.now() - start]
}

async function lengths(t: Test, relay: Relay): Promise<void> {
  const [empty, filled] = [createMailbox(), createMailbox()]
  await depositAll(relay, filled.address, createEnvelopes(2))
  await depositAll(relay, filled.address, createEnvelopes(2, 64_000, 10))
  for (const [sizeIndex, sizeBytes] of SIZES.entries()) {
    for (const slots of range(1, sizeIndex === 0 ? 17 : 5)) {
      for (const mailbox of [empty, filled]) {
        const answer = await post(relay, FETCH, fetchBody(mailbox, relay.origin, { sizeIndex, slots }))
        t.equal(answer.status, 200)
        t.equal(answer.headers['content-type'], 'application/octet-stream')
        checkEveryAnswer(t, answer)
        const { envelopes, fillers } = parseFetchAnswer(answer.body, sizeBytes, slots)
        const held = mailbox === empty ? 0 : Math.min(2, slots)
        t.same(numbersOf(envelopes), range(sizeIndex * 10, sizeIndex * 10 + held), `size ${sizeIndex}, ${slots} slots`)
        t.equal(new Set(fillers.map((filler) => filler.toString('latin1'))).size, slots - held, 'each filler its own')
        t.ok(
          fillers.every((filler) => new Set(filler).size > 200),
          'and random',
        )
      }
    }
  }
}

async function waitingBits(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  const bits = async (sizeIndex: number, slots: number) =>
    (await fetchFrom(relay, mailbox, { sizeIndex, slots })).waiting
  t.equal(await bits(0, 1), 0b00, 'nothing waits')
  await depositAll(relay, mailbox.address, createEnvelopes(1))
  t.equal(await bits(0, 1), 0b00, 'all that waits is in the answer')
  t.equal(await bits(1, 1), 0b01, 'a small one waits that an answer of large ones does not hold')
  await depositAll(relay, mailbox.address, createEnvelopes(1), 600)
  t.equal(await bits(0, 1), 0b01, 'another class of the same size waits')
  t.equal(await bits(0, 2), 0b00)
  await depositAll(relay, mailbox.address, createEnvelopes(2, 64_000))
  t.equal(await bits(0, 1), 0b11)
  t.equal(await bits(0, 16), 0b10)
  t.equal(await bits(1, 1), 0b11)
  t.equal(await bits(1, 2), 0b01)
  const { envelopes } = await fetchFrom(relay, mailbox, { slots: 2 })
  await acknowledge(relay, mailbox, idsOf(envelopes))
  t.equal(await bits(0, 1), 0b10, 'what was acknowledged waits no more')
}

async function longPolls(t: Test, relay: Relay): Promise<void> {
  for (const depositedSize of [0, 1]) {
    const mailbox = createMailbox()
    const polls = [
      fetchFrom(relay, mailbox, { sizeIndex: 0, wait: 30 }),
      fetchFrom(relay, mailbox, { sizeIndex: 1, wait: 30 }),
    ]
    await sleep(300)
    const envelope = createEnvelope(SIZES[depositedSize], 5)
    const [, tookMs] = await timed(deposit(relay, mailbox.address, envelope).then(() => Promise.all(polls)))
    t.ok(tookMs < 20_000, 'both end at the deposit, long before their time')
    const answers = await Promise.all(polls)
    for (const [sizeIndex, answer] of answers.entries()) {
      const isHere = sizeIndex === depositedSize
      t.same(
        numbersOf(answer.envelopes),
        isHere ? [5] : [],
        `a poll for size ${sizeIndex}, a deposit of ${depositedSize}`,
      )
      t.equal(answer.waiting, isHere ? 0 : 1 << depositedSize)
    }
    const [again, againMs] = await timed(fetchFrom(relay, mailbox, { sizeIndex: 1 - depositedSize, wait: 30 }))
    t.ok(againMs < 20_000, 'a poll does not begin where anything of any size waits')
    t.equal(again.waiting, 1 << depositedSize)
  }
}

async function outOfRange(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  await deposit(relay, mailbox.address, createEnvelope())
  const requests = [
    { slots: 0 },
    { slots: 17 },
    { slots: 255 },
    { sizeIndex: 1, slots: 5 },
    { sizeIndex: 1, slots: 16 },
    { wait: 31 },
    { wait: 255 },
    { sizeIndex: 2 },
    { sizeIndex: 255 },
  ]
  for (const request of requests) {
    const answer = await post(relay, FETCH, fetchBody(mailbox, relay.origin, request))
    checkProblem(t, answer, 'ERR_MALFORMED', JSON.stringify(request))
  }
}

async function wrongLengths(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  const body = fetchBody(mailbox, relay.origin)
  const long = signedBody(mailbox, 'fetch', relay.origin, Buffer.concat([body.subarray(0, 43), Buffer.of(0)]))
  for (const wrong of [Buffer.alloc(0), body.subarray(0, 32), body.subarray(0, 106), long]) {
    checkProblem(t, await post(relay, FETCH, wrong), 'ERR_MALFORMED', `${wrong.length} bytes`)
  }
  checkProblem(t, await post(relay, FETCH, Buffer.alloc(2_000_000)), 'ERR_TOO_LARGE')
  const stale = corrupted(fetchBody(mailbox, relay.origin, { time: 0 })).subarray(0, 106)
  checkProblem(t, await post(relay, FETCH, stale), 'ERR_MALFORMED', 'length is looked at before time')
}

async function times(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  const now = Math.floor(Date.now() / 1_000)
  for (const time of [0, now - 3_600, now - 330, now + 330, now + 86_400, 2 ** 32, 2n ** 63n, 2n ** 64n - 1n]) {
    const body = fetchBody(mailbox, relay.origin, { time })
    for (const stale of [body, corrupted(body)]) {
      const answer = await post(relay, FETCH, stale)
      checkProblem(t, answer, 'ERR_STALE', `${time}: time is looked at before the signature`)
      const told = Date.parse(answer.headers.date ?? '')
      t.ok(Math.abs(told - Date.now()) < 60_000, 'Date tells the clock that counts')
    }
  }
  for (const time of [now - 270, minuteNow(), now + 270]) {
    t.equal((await post(relay, FETCH, fetchBody(mailbox, relay.origin, { time }))).status, 200, `${time - now} s`)
  }
}

async function signatures(t: Test, relay: Relay): Promise<void> {
  const [mailbox, other] = [createMailbox(), createMailbox()]
  const right = fetchBody(mailbox, relay.origin)
  const signed = right.subarray(0, 43)
  const wrong = {
    'one bit wrong': corrupted(right),
    'another field than was signed': Buffer.concat([signed.subarray(0, 42), Buffer.of(2), right.subarray(43)]),
    'another key': Buffer.concat([signed, signedBody(other, 'fetch', relay.origin, signed).subarray(43)]),
    'another origin': fetchBody(mailbox, 'https://relay.example'),
    'the label of ack': signedBody(mailbox, 'ack', relay.origin, signed),
    'no key at all': Buffer.concat([Buffer.alloc(32, 0xff), right.subarray(32)]),
  }
  const kept = await post(relay, FETCH, right, KEEP_ALIVE)
  t.match({ status: kept.status, connection: kept.headers.connection }, { status: 200, connection: 'keep-alive' })
  for (const [name, body] of Object.entries(wrong)) {
    const answer = await post(relay, FETCH, body, KEEP_ALIVE)
    checkProblem(t, answer, 'ERR_SIGNATURE', name)
    t.equal(answer.headers.connection, 'close', `${name}: whoever tries again has to connect again`)
  }
  const headers = { Host: 'evil.example', Origin: 'http://evil.example', 'X-Forwarded-Host': 'evil.example' }
  const misled = await post(relay, FETCH, fetchBody(mailbox, 'http://evil.example'), headers)
  checkProblem(t, misled, 'ERR_SIGNATURE', 'headers never add an origin')
}

forBothStores('signed fetch', async (t, relay) => {
  await t.test('[protocol §5] the length depends on the request alone; empty slots', (t) => lengths(t, relay))
  await t.test('[protocol §5] a bit for each size of which more waits', (t) => waitingBits(t, relay))
  await t.test('[protocol §5] a long poll ends when anything of any size waits', (t) => longPolls(t, relay))
  await t.test('[protocol §5] fields out of range are malformed', (t) => outOfRange(t, relay))
  await t.test('[protocol §5] a body of another length is malformed', (t) => wrongLengths(t, relay))
  await t.test('[protocol §5] time within 300 s of the clock, or stale', (t) => times(t, relay))
  await t.test('[protocol §5] the signature covers label, origin and all fields', (t) => signatures(t, relay))

  await t.test('[protocol §5] a long poll ends after its wait, empty', async (t) => {
    const [answer, tookMs] = await timed(fetchFrom(relay, createMailbox(), { wait: 1 }))
    t.ok(tookMs > 900, `it waited: ${tookMs} ms`)
    t.same(answer.envelopes, [])
    t.equal(answer.waiting, 0)
  })

  await t.test('[protocol §5] fetch repeats the same until it is acknowledged, oldest first', async (t) => {
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(40))
    const body = fetchBody(mailbox, relay.origin, { slots: 16 })
    const replay = async () => parseFetchAnswer((await post(relay, FETCH, body)).body, 4_000, 16)
    const first = await replay()
    t.same(numbersOf(first.envelopes), range(0, 16))
    t.equal(first.waiting, 1)
    t.same(contentsOf((await replay()).envelopes), contentsOf(first.envelopes), 'a replayed request changes nothing')
    t.equal((await acknowledge(relay, mailbox, idsOf(first.envelopes))).status, 204)
    t.same(numbersOf((await replay()).envelopes), range(16, 32))
  })

  await t.test('[protocol §5] buckets take turns in fetches too', async (t) => {
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(100))
    await depositAll(relay, mailbox.address, createEnvelopes(1, 4_000, 1_000), 3_600)
    const numbers: number[] = []
    for (let round = 0; round < 4; round++) {
      const { envelopes } = await fetchFrom(relay, mailbox, { slots: 16 })
      numbers.push(...numbersOf(envelopes))
      await acknowledge(relay, mailbox, idsOf(envelopes))
    }
    t.ok(numbers.includes(1_000), 'one of another class comes while a flood of 100 waits')
  })

  await t.test('[protocol §6] only octet-stream is taken', async (t) => {
    const body = fetchBody(createMailbox(), relay.origin)
    checkProblem(t, await post(relay, FETCH, body, { 'Content-Type': 'text/plain' }), 'ERR_MEDIA_TYPE')
  })
})
