import { request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import WebSocket from 'ws'
import { type Relay, startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, depositFrame, openFrame, openSignature } from '../conformance/client.ts'
import { parseDepositFrame, parseMailboxFrame } from '../conformance/frames.ts'
import { CANARY, checkNoEcho, RawConnection } from './raw-http.ts'
import { type Certificate, CertificateFolder, connectTls, makeCertificate, makeFolder, shownName } from './tls-setup.ts'

/** Files are looked at every 5 s. */
const RELOAD = { timeoutMs: 30_000, intervalMs: 200 }

async function startTlsRelay(t: Test): Promise<{
  relay: Relay
  files: CertificateFolder
  make(name: string): Promise<Certificate>
  first: Certificate
}> {
  const folder = await makeFolder(t)
  const make = (name: string) => makeCertificate(folder, name)
  const first = await make('first')
  const files = new CertificateFolder(folder)
  await files.put(first)
  const relay = await startRelay({ LETHE_LOG_LEVEL: 'debug', ...files.env })
  t.teardown(() => relay.stop())
  return { relay, files, make, first }
}

function eventsOf(relay: Relay): string[] {
  const lines = relay.stderr().trim().split('\n')
  return lines.map((line) => JSON.parse(line).event)
}

function statusOf(relay: Relay, path: string, ca: string, body?: Buffer): Promise<number> {
  const headers = { 'Content-Type': 'application/octet-stream' }
  return new Promise((resolve, reject) => {
    const outgoing = request(`${relay.url}${path}`, { method: body ? 'POST' : 'GET', ca, headers, agent: false })
    outgoing.once('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

/** A WebSocket over TLS, and a function for its next message. */
async function connectWss(relay: Relay, path: string, ca: string) {
  const socket = new WebSocket(`${relay.wsUrl}${path}`, 'lethe.v1', { ca })
  const arrived: Buffer[] = []
  socket.on('message', (data) => arrived.push(data as Buffer))
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return { socket, next: () => eventually(() => arrived.shift()) }
}

/** Answers a request on a connection that stands. */
function ask(socket: TLSSocket): Promise<string> {
  socket.write('GET /v1/info HTTP/1.1\r\nHost: relay\r\n\r\n')
  return new Promise((resolve) => socket.once('data', (data: Buffer) => resolve(data.toString().slice(0, 15))))
}

async function httpsAndWss(t: Test): Promise<void> {
  const { relay, first } = await startTlsRelay(t)
  t.match(relay.url, /^https:/)
  t.equal(JSON.parse(relay.stderr().trim().split('\n').at(-1) ?? '').tls, true)
  t.equal(await statusOf(relay, '/v1/info', first.cert), 200)
  const mailbox = createMailbox()
  const envelope = createEnvelope()
  t.equal(await statusOf(relay, '/v1/deposit', first.cert, Buffer.concat([mailbox.address, envelope])), 202)
  const reader = await connectWss(relay, '/v1/mailbox', first.cert)
  const hello = parseMailboxFrame(await reader.next())
  if (hello.type !== 'HELLO') throw new Error(`${hello.type} came before HELLO`)
  reader.socket.send(openFrame(1, mailbox.publicKey, openSignature(mailbox, relay.origin, hello.nonce)))
  t.same(parseMailboxFrame(await reader.next()), { type: 'OPENED', channel: 1 }, 'the origin is that of https')
  t.match(parseMailboxFrame(await reader.next()), { type: 'ENVELOPE', envelope })
  const sender = await connectWss(relay, '/v1/deposit', first.cert)
  sender.socket.send(depositFrame({ ref: 5, ttl: 60, address: mailbox.address, envelope }))
  t.same(parseDepositFrame(await sender.next()), { type: 'ACCEPTED', ref: 5 })
  sender.socket.terminate()
  reader.socket.terminate()
}

async function notTls(t: Test): Promise<void> {
  const { relay, first } = await startTlsRelay(t)
  const plain = new RawConnection(relay)
  plain.write(`GET /${CANARY} HTTP/1.1\r\nHost: ${CANARY}\r\n\r\n`)
  const garbage = new RawConnection(relay)
  garbage.write(`\x16\x03\x01\x00\x20${CANARY.repeat(9)}`)
  const silent = new RawConnection(relay)
  const half = new RawConnection(relay)
  half.write('\x16\x03\x01\x02\x00\x01\x00')
  for (const connection of [plain, garbage]) {
    t.ok(await connection.when(() => connection.isEnded), 'ended')
    checkNoEcho(t, connection.received, 'what is no TLS')
  }
  t.equal(await statusOf(relay, '/v1/info', first.cert), 200)
  for (const connection of [silent, half]) {
    t.ok(await connection.when(() => connection.isEnded, 40_000), 'ended, when it has had the time of headers')
  }
  const unfinished = await connectTls(relay, first)
  unfinished.on('error', () => {}).write(`GET /${CANARY} HT`)
  await new Promise((resolve) => unfinished.resume().once('end', resolve).once('close', resolve))
  unfinished.destroy()
  t.equal(await statusOf(relay, '/v1/info', first.cert), 200)
  t.same(eventsOf(relay), ['store-up', 'listening'])
  checkNoEcho(t, relay.stdout() + relay.stderr(), 'what the relay wrote')
}

async function renewal(t: Test): Promise<void> {
  const { relay, files, make, first } = await startTlsRelay(t)
  const standing = await connectTls(relay, first)
  t.teardown(() => standing.destroy())
  t.equal(await shownName(relay), 'first')

  const second = await make('second')
  await files.put(second)
  await eventually(async () => (await shownName(relay)) === 'second', RELOAD)
  t.equal(await statusOf(relay, '/v1/info', second.cert), 200)
  t.equal(await ask(standing), 'HTTP/1.1 200 OK', 'a connection from before is served')
  t.same(eventsOf(relay).slice(2), ['certificate-reloaded'])

  await files.put({ cert: second.cert, key: first.key })
  await eventually(() => eventsOf(relay).at(-1) === 'certificate-not-reloaded', RELOAD)
  t.equal(await shownName(relay), 'second', 'a key that does not fit is not used')
  t.equal(await statusOf(relay, '/v1/info', second.cert), 200)

  await files.put({ cert: `-----BEGIN CERTIFICATE-----\n${CANARY}\n`, key: CANARY })
  await eventually(() => eventsOf(relay).length === 5, RELOAD)
  t.equal(await shownName(relay), 'second', 'nor is what is no certificate')

  const third = await make('third')
  await files.put(third)
  await eventually(async () => (await shownName(relay)) === 'third', RELOAD)
  t.equal(await statusOf(relay, '/v1/info', third.cert), 200, 'good files after broken ones are')
  t.same(eventsOf(relay).slice(2), [
    'certificate-reloaded',
    'certificate-not-reloaded',
    'certificate-not-reloaded',
    'certificate-reloaded',
  ])
  checkNoEcho(t, relay.stdout() + relay.stderr(), 'what the relay wrote')
  t.notMatch(relay.stderr(), /PRIVATE|BEGIN|lethe-tls-/, 'neither keys nor the names of files')
}

async function brokenFromTheStart(t: Test): Promise<void> {
  const folder = await makeFolder(t)
  const [one, other] = [await makeCertificate(folder, 'one'), await makeCertificate(folder, 'other')]
  const files = new CertificateFolder(folder)
  for (const broken of [
    { cert: one.cert, key: other.key },
    { cert: CANARY, key: CANARY },
  ]) {
    await files.put(broken)
    await t.rejects(
      startRelay(files.env),
      /ended before it was listening \(1\):\nLETHE_TLS_CERT_FILE, LETHE_TLS_KEY_FILE: /,
    )
  }
}

const CASES: Record<string, (t: Test) => Promise<void>> = {
  'https and wss': httpsAndWss,
  'what is no TLS, or half of it, is given up and hinders nobody': notTls,
  'renewed files are used without a restart, broken ones are not': renewal,
  'a relay whose first files are broken does not start': brokenFromTheStart,
}

/** All at the same time: they do little but wait. */
test('[LETHE_TLS_CERT_FILE] the relay speaks TLS', async (t) => {
  t.jobs = 4
  await Promise.all(Object.entries(CASES).map(([title, body]) => t.test(title, { buffered: true }, body)))
})
