import { randomBytes } from 'node:crypto'
import { ackBody, corrupted, createEnvelopes, createMailbox, idsOf, numbersOf, range, signedBody } from './client.ts'
import { depositAll } from './deposit-socket.ts'
import { acknowledge, fetchFrom, post } from './http.ts'
import { connectMailbox, peek } from './mailbox-socket.ts'
import { checkEveryAnswer, checkProblem } from './problems.ts'
import { forBothStores } from './stores.ts'

const ACK = '/v1/mailbox/ack'
const unknownIds = (count: number): string[] => range(0, count).map(() => randomBytes(16).toString('hex'))

forBothStores('signed ack', async (t, relay) => {
  await t.test('[protocol §5] 204 once it is erased', async (t) => {
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(3))
    await depositAll(relay, mailbox.address, createEnvelopes(3, 64_000, 10))
    const small = await fetchFrom(relay, mailbox, { slots: 3 })
    const large = await fetchFrom(relay, mailbox, { sizeIndex: 1, slots: 3 })
    const chosen = [...idsOf(small.envelopes).slice(0, 2), ...idsOf(large.envelopes).slice(1, 2)]
    const answer = await acknowledge(relay, mailbox, chosen)
    t.equal(answer.status, 204)
    t.equal(answer.body.length, 0)
    checkEveryAnswer(t, answer)
    t.same(numbersOf((await fetchFrom(relay, mailbox, { slots: 3 })).envelopes), [2], 'at once')
    t.same(numbersOf((await fetchFrom(relay, mailbox, { sizeIndex: 1, slots: 3 })).envelopes), [10, 12])
    t.equal((await acknowledge(relay, mailbox, chosen)).status, 204, 'again: nothing to do')
    const left = numbersOf(await peek(relay, mailbox)).sort((a, b) => a - b)
    t.same(left, [2, 10, 12])
  })

  await t.test('[protocol §5] ids of nothing and of other mailboxes are ignored', async (t) => {
    const [mailbox, other] = [createMailbox(), createMailbox()]
    await depositAll(relay, mailbox.address, createEnvelopes(2))
    const { envelopes } = await fetchFrom(relay, mailbox, { slots: 2 })
    t.equal((await acknowledge(relay, other, idsOf(envelopes))).status, 204)
    t.equal((await acknowledge(relay, mailbox, unknownIds(64))).status, 204)
    t.same(numbersOf(await peek(relay, mailbox)), [0, 1])
  })

  await t.test('[protocol §5] what was erased over HTTP does not come through a socket', async (t) => {
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(3))
    const { envelopes } = await fetchFrom(relay, mailbox, { slots: 2 })
    t.equal((await acknowledge(relay, mailbox, idsOf(envelopes))).status, 204)
    const reader = await connectMailbox(relay)
    await reader.open(1, mailbox)
    const received = await reader.untilDrained(1)
    t.same(numbersOf(received), [2])
    t.equal((await acknowledge(relay, mailbox, idsOf(received))).status, 204)
    t.same(await reader.restFrames(), [], 'an open channel hears nothing of it')
    await reader.close()
  })

  await t.test('[protocol §5] none, 65 or half an id are malformed', async (t) => {
    const mailbox = createMailbox()
    checkProblem(t, await acknowledge(relay, mailbox, []), 'ERR_MALFORMED', 'no id')
    checkProblem(t, await acknowledge(relay, mailbox, unknownIds(65)), 'ERR_MALFORMED', '65 ids')
    for (const length of [0, 40, 103, 104]) {
      checkProblem(t, await post(relay, ACK, Buffer.alloc(length)), 'ERR_MALFORMED', `${length} bytes`)
    }
    const whole = ackBody(mailbox, relay.origin, unknownIds(2)).subarray(0, 40 + 24)
    const half = signedBody(mailbox, 'ack', relay.origin, whole)
    checkProblem(t, await post(relay, ACK, half), 'ERR_MALFORMED', 'an id and a half')
    checkProblem(t, await post(relay, ACK, Buffer.alloc(2_000_000)), 'ERR_TOO_LARGE')
  })

  await t.test('[protocol §5] length, then time, then signature', async (t) => {
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(1))
    const ids = idsOf((await fetchFrom(relay, mailbox)).envelopes)
    const now = Math.floor(Date.now() / 1_000)
    for (const time of [0, now - 330, now + 330, 2n ** 64n - 1n]) {
      const stale = ackBody(mailbox, relay.origin, ids, time)
      const answer = await post(relay, ACK, stale)
      checkProblem(t, answer, 'ERR_STALE', `${time}`)
      t.type(answer.headers.date, 'string')
      checkProblem(t, await post(relay, ACK, corrupted(stale)), 'ERR_STALE', 'before the signature')
      checkProblem(t, await post(relay, ACK, corrupted(stale).subarray(1)), 'ERR_MALFORMED', 'after the length')
    }
    const right = ackBody(mailbox, relay.origin, ids)
    const signed = right.subarray(0, -64)
    const wrong = {
      'one bit wrong': corrupted(right),
      'another key': Buffer.concat([signed, signedBody(createMailbox(), 'ack', relay.origin, signed).subarray(-64)]),
      'another origin': ackBody(mailbox, 'https://relay.example', ids),
      'the label of fetch': signedBody(mailbox, 'fetch', relay.origin, signed),
    }
    for (const [name, body] of Object.entries(wrong)) {
      checkProblem(t, await post(relay, ACK, body), 'ERR_SIGNATURE', name)
    }
    t.equal((await peek(relay, mailbox)).length, 1, 'none of them erased anything')
    for (const time of [now - 270, now + 270]) {
      t.equal((await post(relay, ACK, ackBody(mailbox, relay.origin, ids, time))).status, 204)
    }
    t.equal((await peek(relay, mailbox)).length, 0)
  })

  await t.test('[protocol §6] only octet-stream is taken', async (t) => {
    const body = ackBody(createMailbox(), relay.origin, unknownIds(1))
    checkProblem(t, await post(relay, ACK, body, { 'Content-Type': 'application/json' }), 'ERR_MEDIA_TYPE')
  })
})
