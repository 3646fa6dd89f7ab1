import { request } from 'node:https'
import { startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { createEnvelope, createMailbox, fetchBody, range } from '../conformance/client.ts'
import { deposit } from '../conformance/http.ts'
import { POST } from '../integration/hostile-requests.ts'
import { RawConnection } from '../integration/raw-http.ts'
import { CertificateFolder, makeCertificate, makeFolder } from '../integration/tls-setup.ts'

const MOST = 10
const ASK = 'GET /v1/info HTTP/1.1\r\nHost: relay\r\n\r\n'

async function startTestRelay(t: Test) {
  const relay = await startRelay({ LETHE_MAX_CONNECTIONS: `${MOST}` })
  t.teardown(() => relay.stop())
  /** Opens connections one after the other, so that it is known who came first. */
  const open = async (count: number, start = '') => {
    const opened: RawConnection[] = []
    for (const _ of range(0, count)) {
      const connection = new RawConnection(relay)
      t.teardown(() => connection.destroy())
      await new Promise((resolve) => connection.socket.once('connect', resolve))
      connection.write(start)
      opened.push(connection)
    }
    return opened
  }
  return { relay, open }
}

const ended = (connections: readonly RawConnection[]) => connections.map(({ isEnded }) => isEnded)

test('[LETHE_MAX_CONNECTIONS] who asks for something takes the place of who has been silent longest', async (t) => {
  const { open } = await startTestRelay(t)
  const silent = await open(MOST)
  for (const number of range(1, 4)) {
    const [asking] = await open(1, ASK)
    t.ok(await asking?.when(() => asking.seen().answers.length === 1), 'a newcomer is answered')
    t.ok(await silent[number - 1]?.when(() => silent[number - 1]?.isEnded === true), 'the first that came is ended')
  }
  t.same(ended(silent), [true, true, true, ...range(3, MOST).map(() => false)], 'and nobody else')
})

test('[LETHE_MAX_CONNECTIONS] who is owed an answer keeps the place, who keeps back the rest of a request does not', async (t) => {
  const { relay, open } = await startTestRelay(t)
  const mailbox = createMailbox()
  const body = fetchBody(mailbox, relay.origin, { wait: 30 })
  const poll = `${POST.replace('/v1/deposit', '/v1/mailbox/fetch')}Content-Length: ${body.length}\r\n\r\n`
  const [waiting] = await open(1, poll + body.toString('latin1'))
  const [half] = await open(1, `${POST}Content-Length: 4032\r\n\r\nhalf`)
  await open(3 * MOST)
  t.ok(await half?.when(() => half.isEnded), 'half a body')
  t.equal(waiting?.isEnded, false, 'a fetch that waits')
  t.equal((await deposit(relay, mailbox.address, createEnvelope())).status, 202)
  t.ok(await waiting?.when(() => waiting.seen().answers.length === 1), 'gets what it waited for')
  t.equal(waiting?.seen().answers[0]?.status, 200)
})

test('[LETHE_MAX_CONNECTIONS] who was answered and is idle has not waited longer than who came before', async (t) => {
  const { open } = await startTestRelay(t)
  const silent = await open(MOST - 1)
  const [idle] = await open(1, ASK)
  t.ok(await idle?.when(() => idle.seen().answers.length === 1))
  await open(MOST - 1)
  for (const one of silent) t.ok(await one.when(() => one.isEnded))
  t.equal(idle?.isEnded, false)
  idle?.write(ASK)
  t.ok(await idle?.when(() => idle.seen().answers.length === 2), 'and is served again')
})

/** One POST on a connection of its own. @returns when it is all sent, and its status */
function postTls(relay: { url: string }, path: string, body: Buffer) {
  const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': body.length, Expect: '100-continue' }
  const sent = request(`${relay.url}${path}`, { method: 'POST', headers, rejectUnauthorized: false, agent: false })
  const status = new Promise<number>((resolve, reject) => {
    sent.once('response', (answer) => resolve(answer.resume().statusCode ?? 0)).once('error', reject)
  })
  const isSent = new Promise<void>((resolve) => sent.once('continue', () => sent.end(body, resolve)))
  sent.flushHeaders()
  return { isSent, status }
}

test('[LETHE_MAX_CONNECTIONS] the same under TLS, whose handshake may be kept back too', async (t) => {
  const folder = await makeFolder(t)
  const certificates = new CertificateFolder(folder)
  await certificates.put(await makeCertificate(folder, 'relay'))
  const relay = await startRelay({ ...certificates.env, LETHE_MAX_CONNECTIONS: `${MOST}` })
  t.teardown(() => relay.stop())
  const mailbox = createMailbox()
  const deposited = (address: Buffer) =>
    postTls(relay, '/v1/deposit', Buffer.concat([address, createEnvelope()])).status
  const poll = postTls(relay, '/v1/mailbox/fetch', fetchBody(mailbox, relay.origin, { wait: 30 }))
  await poll.isSent
  for (const _ of range(0, 3)) t.equal(await deposited(createMailbox().address), 202)
  for (const _ of range(0, 3 * MOST)) {
    const silent = new RawConnection(relay)
    t.teardown(() => silent.destroy())
    await new Promise((resolve) => silent.socket.once('connect', resolve))
  }
  t.equal(await deposited(mailbox.address), 202, 'a newcomer')
  t.equal(await poll.status, 200, 'a fetch that waited all the time')
})
