import { CLASSES, createEnvelope, createMailbox } from './client.ts'
import { acknowledge, deposit, exchangeRaw, fetchFrom, OCTETS, post, request } from './http.ts'
import { connectMailbox } from './mailbox-socket.ts'
import { checkEveryAnswer, checkProblem, lastingHeaders } from './problems.ts'
import { forBothStores } from './stores.ts'

const GRANTS: readonly (readonly [ttl: string, granted: number])[] = [
  ['0', 60],
  ['1', 60],
  ['59', 60],
  ...CLASSES.slice(1).flatMap((upper, index): [string, number][] => [
    [String(CLASSES[index]), CLASSES[index] ?? 0],
    [String((CLASSES[index] ?? 0) + 1), CLASSES[index] ?? 0],
    [String(upper - 1), CLASSES[index] ?? 0],
  ]),
  ['604800', 604_800],
  ['604801', 604_800],
  ['4294967295', 604_800],
  ['4294967296', 604_800],
  ['18446744073709551617', 604_800],
  ['9'.repeat(300), 604_800],
  ['0000600', 600],
]

const MALFORMED_TTLS: readonly (string | string[])[] = [
  '-1',
  '1.5',
  '',
  ' ',
  '+60',
  '0x3c',
  '1e3',
  '6 0',
  '60s',
  '60,60',
  'day',
  'NaN',
  ['60', '60'],
  ['60', '600'],
]

forBothStores('deposit over HTTP', async (t, relay) => {
  await t.test('[protocol §4] 202, empty, with the granted class; at once in the mailbox', async (t) => {
    for (const [sizeIndex, sizeBytes] of [4_000, 64_000].entries()) {
      const mailbox = createMailbox()
      const envelope = createEnvelope(sizeBytes)
      const answer = await deposit(relay, mailbox.address, envelope, 3_600)
      t.equal(answer.status, 202)
      t.equal(answer.body.length, 0)
      t.equal(answer.headers.ttl, '3600')
      checkEveryAnswer(t, answer)
      const fetched = await fetchFrom(relay, mailbox, { sizeIndex })
      t.ok(fetched.envelopes[0]?.envelope.equals(envelope), `the ${sizeBytes} bytes that were sent`)
    }
  })

  await t.test('[protocol §3] the largest class that is no longer than asked for', async (t) => {
    for (const [ttl, granted] of GRANTS) {
      const answer = await deposit(relay, createMailbox().address, createEnvelope(), ttl)
      t.equal(answer.status, 202)
      t.equal(answer.headers.ttl, String(granted), `TTL: ${ttl.slice(0, 40)}`)
    }
  })

  await t.test('[protocol §3] a day where no lifetime is asked for', async (t) => {
    const answer = await deposit(relay, createMailbox().address, createEnvelope())
    t.equal(answer.headers.ttl, '86400')
  })

  await t.test(
    '[protocol §4] a TTL that is no number, or two of them, is malformed, and nothing is stored',
    async (t) => {
      const mailbox = createMailbox()
      for (const ttl of MALFORMED_TTLS) {
        const answer = await deposit(relay, mailbox.address, createEnvelope(), ttl)
        checkProblem(t, answer, 'ERR_MALFORMED', `TTL: ${JSON.stringify(ttl)}`)
      }
      const { envelopes, waiting } = await fetchFrom(relay, mailbox)
      t.equal(envelopes.length, 0)
      t.equal(waiting, 0)
    },
  )

  await t.test('[protocol §4] the length of the body decides', async (t) => {
    const bodyOf = (length: number) => createEnvelope(Math.max(length, 4)).subarray(0, length)
    for (const length of [0, 1, 31]) {
      checkProblem(t, await post(relay, '/v1/deposit', bodyOf(length)), 'ERR_MALFORMED', `${length} bytes`)
    }
    for (const length of [32, 33, 4_000, 4_031, 4_033, 8_032, 64_000, 64_031]) {
      checkProblem(t, await post(relay, '/v1/deposit', bodyOf(length)), 'ERR_ENVELOPE_SIZE', `${length} bytes`)
    }
    for (const length of [64_033, 70_000, 2_000_000]) {
      checkProblem(t, await post(relay, '/v1/deposit', bodyOf(length)), 'ERR_TOO_LARGE', `${length} bytes`)
    }
  })

  await t.test('[protocol §4] a chunked body is judged as any other', async (t) => {
    const ask = (length: number) => {
      const headers = { 'Content-Type': OCTETS }
      return request(relay, '/v1/deposit', { method: 'POST', headers, body: createEnvelope(length), chunked: true })
    }
    t.equal((await ask(4_032)).status, 202)
    t.equal((await ask(64_032)).status, 202)
    checkProblem(t, await ask(31), 'ERR_MALFORMED', 'chunked')
    checkProblem(t, await ask(4_033), 'ERR_ENVELOPE_SIZE', 'chunked')
    checkProblem(t, await ask(2_000_000), 'ERR_TOO_LARGE', 'chunked')
  })

  await t.test('[protocol §4] a POST without any body is malformed', async (t) => {
    const headers = { 'Content-Type': OCTETS, 'Content-Length': 0 }
    checkProblem(t, await request(relay, '/v1/deposit', { method: 'POST', headers }), 'ERR_MALFORMED', 'no body')
    const head = `POST /v1/deposit HTTP/1.1\r\nHost: relay\r\nContent-Type: ${OCTETS}\r\nConnection: close\r\n\r\n`
    t.match(await exchangeRaw(relay, head), /^HTTP\/1\.1 400 .*ERR_MALFORMED/s, 'neither a length nor chunks')
  })

  await t.test('[protocol §6] only octet-stream is taken', async (t) => {
    const body = createEnvelope(4_032)
    const withType = (type: string) => post(relay, '/v1/deposit', body, { 'Content-Type': type })
    for (const type of [
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/octet',
      'x',
    ]) {
      checkProblem(t, await withType(type), 'ERR_MEDIA_TYPE', type)
    }
    checkProblem(t, await request(relay, '/v1/deposit', { method: 'POST', body }), 'ERR_MEDIA_TYPE', 'none')
    t.equal((await withType('Application/Octet-Stream')).status, 202, 'media types have no case (RFC 9110 §8.3.1)')
  })

  await t.test('[protocol §4] the answer does not tell whether anybody reads the mailbox', async (t) => {
    const [read, acknowledged, unread] = [createMailbox(), createMailbox(), createMailbox()]
    const reader = await connectMailbox(relay)
    await reader.open(1, read)
    await deposit(relay, acknowledged.address, createEnvelope())
    const { envelopes } = await fetchFrom(relay, acknowledged)
    const ids = envelopes.map(({ id }) => id)
    t.equal((await acknowledge(relay, acknowledged, ids)).status, 204)
    const answers = []
    for (const mailbox of [read, acknowledged, unread]) {
      answers.push(await deposit(relay, mailbox.address, createEnvelope()))
    }
    const [first, ...others] = answers.map((answer) => [answer.status, lastingHeaders(answer), answer.body.length])
    for (const other of others) t.same(other, first)
    await reader.close()
  })
})
