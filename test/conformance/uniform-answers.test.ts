import type { Test } from '../_util/tap.ts'
import { createEnvelope, createMailbox, type Mailbox } from './client.ts'
import { connectDeposit, depositAll } from './deposit-socket.ts'
import { type Answer, deposit, exchangeRaw, OCTETS, post, request } from './http.ts'
import { connectMailbox, type MailboxSocket } from './mailbox-socket.ts'
import { forBothStores, type Relay } from './stores.ts'

/** Whole seconds: the one form of a date that HTTP has. [RFC9110-5.6.7] */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/
/** What would tell of the software, of one request, or of one client. */
const TELLING = /^(server|x-powered-by|via|etag|last-modified|age|set-cookie|alt-svc|server-timing|x-request-id)$/

/** All that a sender sees of an answer, but for the second in which it came. */
function shown({ status, rawHeaders, body }: Answer): string {
  const headers = rawHeaders.join('\n').replace(/\n\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT/, '\nDATE')
  return `${status}\n${headers}\n\n${body.toString('latin1')}`
}

/** A mailbox that was never used, one in which envelopes wait, and one whose owner is online. */
async function createMailboxes(relay: Relay): Promise<{ mailboxes: readonly Mailbox[]; owner: MailboxSocket }> {
  const [unused, waiting, online] = [createMailbox(), createMailbox(), createMailbox()] as const
  await depositAll(relay, waiting.address, [createEnvelope(), createEnvelope()])
  const owner = await connectMailbox(relay)
  await owner.open(1, online)
  await owner.untilDrained(1)
  return { mailboxes: [unused, waiting, online], owner }
}

async function sameAnswers(t: Test, relay: Relay): Promise<void> {
  const { mailboxes, owner } = await createMailboxes(relay)
  const answers: string[] = []
  const hasDate = []
  for (const { address } of mailboxes) {
    const answer = await deposit(relay, address, createEnvelope())
    hasDate.push(answer.headers.date)
    answers.push(shown(answer))
  }
  t.ok(hasDate.every((date) => HTTP_DATE.test(date ?? '')))
  t.match(answers[0], /^202\n.*DATE/s)
  t.equal(answers[1], answers[0], 'envelopes waiting')
  t.equal(answers[2], answers[0], 'owner online')

  const socket = await connectDeposit(relay)
  for (const { address } of mailboxes) {
    socket.deposit({ ref: 7, ttl: 60, address, envelope: createEnvelope() })
    t.same(await socket.answer(), { type: 'ACCEPTED', ref: 7 })
  }
  await socket.close()
  t.equal((await owner.envelopes(1, 2)).length, 2, 'it was online all along')
  await owner.close()
}

async function everyHeader(t: Test, relay: Relay): Promise<void> {
  const body = createEnvelope(4_032)
  const answers: [string, Answer][] = [
    ['deposit', await post(relay, '/v1/deposit', body)],
    ['refused deposit', await post(relay, '/v1/deposit', body.subarray(1))],
    ['fetch', await post(relay, '/v1/mailbox/fetch', body.subarray(0, 100))],
    ['preflight', await request(relay, '/v1/deposit', { method: 'OPTIONS' })],
    ['info', await request(relay, '/v1/info')],
    ['page', await request(relay, '/')],
    ['socket path', await request(relay, '/v1/mailbox')],
    ['nothing', await request(relay, '/nothing')],
    ['wrong type', await request(relay, '/v1/deposit', { method: 'POST', headers: { 'Content-Type': 'a/b' }, body })],
  ]
  for (const path of ['/livez', '/readyz', '/metrics', '/nothing']) {
    answers.push([`admin ${path}`, await request({ url: relay.adminUrl }, path)])
  }
  for (const [name, { headers }] of answers) {
    t.equal(headers['cache-control'], 'no-store', `${name}: kept by nobody`)
    t.equal(headers['x-content-type-options'], 'nosniff', `${name}: its type is not guessed`)
    t.match(headers.date, HTTP_DATE, `${name}: whole seconds`)
    t.same(
      Object.keys(headers).filter((header) => TELLING.test(header)),
      [],
      `${name}: nothing that tells more`,
    )
  }
  const page = answers.find(([name]) => name === 'page')?.[1].headers ?? {}
  t.equal(page['referrer-policy'], 'no-referrer')
  for (const policy of ['default-src', 'base-uri', 'form-action', 'frame-ancestors']) {
    t.match(
      page['content-security-policy'],
      `${policy} 'none'`,
      'the page loads nothing, sends nothing, is in no frame',
    )
  }
}

async function brokenRequests(t: Test, relay: Relay): Promise<void> {
  const head = `POST /v1/deposit HTTP/1.1\r\nHost: relay\r\nContent-Type: ${OCTETS}\r\nConnection: close\r\n`
  const broken = ['nonsense\r\n\r\n', `${head}Content-Length: x\r\n\r\n`, `${head}Transfer-Encoding: y\r\n\r\n`]
  for (const bytes of broken) {
    const answer = await exchangeRaw(relay, bytes)
    t.match(answer, /^HTTP\/1\.1 400 /)
    t.match(answer, /\r\ncache-control: no-store\r\n/i)
    t.notMatch(answer, /\r\n(server|x-powered-by|via): /i)
  }
}

forBothStores('Uniform answers', async (t, relay) => {
  await t.test('[protocol §4] a deposit is answered the same whoever does or does not read the mailbox', (t) =>
    sameAnswers(t, relay),
  )
  await t.test('[protocol §7] no header tells more than it must', (t) => everyHeader(t, relay))
  await t.test('[protocol §6] nor does the answer to what cannot be parsed', (t) => brokenRequests(t, relay))
})
