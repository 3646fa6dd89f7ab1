import { METHODS } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ErrorCode } from '../../src/protocol/errors.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { createEnvelope, createMailbox, fetchBody, numbersOf, range } from '../conformance/client.ts'
import { deposit, fetchFrom } from '../conformance/http.ts'
import { brokenRequests, type Case, POST, strangeRequests, upgrades } from './hostile-requests.ts'
import {
  CANARY,
  checkNoEcho,
  checkRegistered,
  type Exchange,
  exchange,
  exchangeToEnd,
  RawConnection,
} from './raw-http.ts'
import { residentBytes, serveRound } from './served.ts'

const PATHS = ['/', '/v1/info', '/v1/deposit', '/v1/mailbox', '/v1/mailbox/fetch', '/v1/mailbox/ack', `/${CANARY}`]
const AT_A_TIME = 20

async function startTestRelay(t: Test): Promise<Relay> {
  const relay = await startRelay({ LETHE_LOG_LEVEL: 'debug' })
  t.teardown(() => relay.stop())
  return relay
}

/** Nobody saw anything, nothing was written down, and the relay serves. */
async function checkUnimpressed(t: Test, relay: Relay): Promise<void> {
  await serveRound(relay, 1)
  checkNoEcho(t, relay.stdout() + relay.stderr(), 'what the relay wrote')
  const events = relay.stderr().trim().split('\n').map(eventOf)
  t.same(events, ['store-up', 'listening'], 'no line is written on account of a request')
}

function eventOf(line: string): unknown {
  return JSON.parse(line).event
}

async function forAll<T>(all: readonly T[], each: (one: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += AT_A_TIME) await Promise.all(all.slice(at, at + AT_A_TIME).map(each))
}

/** Errors are those of the registry; without an answer the connection must have ended. */
function checkErrors(t: Test, { text, answers, isEnded }: Exchange, what: string, codes: readonly ErrorCode[]): void {
  checkNoEcho(t, text, what)
  for (const answer of answers) if (answer.status >= 400) checkRegistered(t, answer, what, codes)
  if (answers.length === 0) t.ok(isEnded && text === '', `ended without a word: ${what}`)
}

async function checkCase(t: Test, relay: Relay, { name, bytes, ends, codes = [], statuses }: Case): Promise<void> {
  const seen = await (ends ? exchangeToEnd : exchange)(relay, bytes)
  checkErrors(t, seen, name, codes)
  const answered = seen.answers.map(({ status }) => status)
  if (statuses) t.same(answered, statuses, `answered: ${name}`)
  else if (codes.length > 0) t.ok(answered.length > 0 && answered.every((status) => status >= 400), `refused: ${name}`)
}

test('[protocol §6] what is no HTTP, and what is nearly HTTP', async (t) => {
  const relay = await startTestRelay(t)
  await forAll([...brokenRequests(), ...strangeRequests()], (one) => checkCase(t, relay, one))
  await checkUnimpressed(t, relay)
})

test('[protocol §6] upgrades to anything, anywhere', async (t) => {
  const relay = await startTestRelay(t)
  await forAll(upgrades(PATHS), (one) => checkCase(t, relay, one))
  await checkUnimpressed(t, relay)
})

test('[protocol §6] every verb on every path', async (t) => {
  const relay = await startTestRelay(t)
  const pairs = [...METHODS, CANARY.toUpperCase()].flatMap((method) => PATHS.map((path) => ({ method, path })))
  await forAll(pairs, async ({ method, path }) => {
    const what = `${method} ${path}`
    const bytes = `${what} HTTP/1.1\r\nHost: relay\r\nX-Other: ${CANARY}\r\nConnection: close\r\n\r\n`
    const { text, answers, isEnded } = await exchangeToEnd(relay, bytes)
    checkNoEcho(t, text, what)
    const [answer] = answers
    if (answer === undefined && method === 'HEAD') t.match(text, /^HTTP\/1\.1 (200|404|405) /, what)
    else if (answer === undefined) t.ok(isEnded && method === 'CONNECT', `ended without an answer: ${what}`)
    else if (answer.status >= 400) checkRegistered(t, answer, what)
    else t.ok(['GET', 'HEAD', 'OPTIONS'].includes(method), `nothing else is harmless: ${what}`)
  })
  await checkUnimpressed(t, relay)
})

test('[protocol §4] a client that waits for 100 Continue gets it, and its answer', async (t) => {
  const relay = await startTestRelay(t)
  const connection = new RawConnection(relay)
  connection.write(`${POST}Content-Length: 4032\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`)
  t.ok(await connection.when(() => connection.seen().answers.length === 1))
  connection.write(createEnvelope(4_032))
  t.ok(await connection.when(() => connection.isEnded))
  t.same(statusesOf(connection.seen()), [100, 202])
})

test('[protocol §6] requests in one go are answered in order', async (t) => {
  const relay = await startTestRelay(t)
  const mailbox = createMailbox()
  const posted = (path: string, body: Buffer) =>
    Buffer.concat([Buffer.from(`${POST.replace('/v1/deposit', path)}Content-Length: ${body.length}\r\n\r\n`), body])
  const round = [
    posted('/v1/deposit', Buffer.concat([mailbox.address, createEnvelope()])),
    Buffer.from(`GET /${CANARY} HTTP/1.1\r\nHost: relay\r\n\r\n`),
    posted('/v1/mailbox/fetch', fetchBody(mailbox, relay.origin)),
    posted('/v1/deposit', Buffer.alloc(40)),
  ]
  const rounds = range(0, 100).flatMap(() => round)
  const seen = await exchange(relay, Buffer.concat(rounds), { answers: rounds.length })
  t.same(
    statusesOf(seen),
    range(0, 100).flatMap(() => [202, 404, 200, 422]),
  )
  const smuggled = `${POST}Content-Length: 40\r\n\r\n${'x'.repeat(40)}${CANARY} / HTTP/1.1\r\n\r\n`
  const last = await exchangeToEnd(relay, smuggled)
  checkErrors(t, last, 'what does not parse, after what did', ['ERR_ENVELOPE_SIZE', 'ERR_MALFORMED'])
  t.equal(statusesOf(last).at(-1), 400, 'ends it')
  await checkUnimpressed(t, relay)
})

test('[protocol §6] answers that nobody reads do not pile up', async (t) => {
  const relay = await startTestRelay(t)
  const before = residentBytes(relay)
  const flood = Buffer.from('GET /v1/info HTTP/1.1\r\nHost: relay\r\n\r\n'.repeat(2_000))
  const deaf = range(0, 10).map(() => {
    const connection = new RawConnection(relay)
    connection.socket.pause()
    for (const _ of range(0, 20)) connection.write(flood)
    return connection
  })
  for (const number of range(0, 10)) {
    await serveRound(relay, number)
    await sleep(200)
  }
  const grownBytes = residentBytes(relay) - before
  t.ok(grownBytes < 300_000_000, `400,000 requests, ${grownBytes} bytes more`)
  for (const connection of deaf) connection.destroy()
  await checkUnimpressed(t, relay)
})

const HEAD = `POST /v1/deposit HTTP/1.1\r\nHost: relay\r\nContent-Type: application/octet-stream\r\nX-A: ${CANARY}\r\n`
const BODY = `${HEAD}Content-Length: 4032\r\n\r\n`
/** What is sent at once, then byte by byte for ever, and the seconds after which it must be over. */
const HANGING: { name: string; start: string; drip?: string; limitSeconds: number }[] = [
  { name: 'nothing at all', start: '', limitSeconds: 10 },
  { name: 'half a request line', start: `GET /${CANARY} HT`, limitSeconds: 10 },
  { name: 'half the headers', start: HEAD, limitSeconds: 10 },
  { name: 'headers, byte by byte', start: HEAD, drip: 'X-B: '.padEnd(90, 'b'), limitSeconds: 10 },
  { name: 'headers of an upgrade', start: `GET /v1/mailbox HTTP/1.1\r\nUpgrade: websocket\r\n`, limitSeconds: 10 },
  { name: 'half a body', start: `${BODY}${CANARY}`, limitSeconds: 30 },
  { name: 'no body', start: BODY, limitSeconds: 30 },
  { name: 'a body, byte by byte', start: BODY, drip: CANARY, limitSeconds: 30 },
  { name: 'half a chunk', start: `${HEAD}Transfer-Encoding: chunked\r\n\r\nfc0\r\n${CANARY}`, limitSeconds: 30 },
  { name: 'half a size', start: `${HEAD}Transfer-Encoding: chunked\r\n\r\nf`, limitSeconds: 30 },
  { name: 'too long a body', start: BODY.replace('4032', '900000'), drip: CANARY, limitSeconds: 30 },
  { name: 'a body for nobody', start: BODY.replace('/v1/deposit', `/${CANARY}`), drip: CANARY, limitSeconds: 30 },
]

test('[protocol §6] half a request left hanging is given up, and hinders nobody', async (t) => {
  const relay = await startTestRelay(t)
  const startMs = performance.now()
  const seconds = () => (performance.now() - startMs) / 1_000
  const hung = HANGING.map(({ start, drip, ...rest }) => {
    const connection = new RawConnection(relay)
    connection.write(start)
    let at = 0
    const dripping = drip && setInterval(() => connection.write(drip[at++ % drip.length] as string), 250)
    connection.socket.once('close', () => clearInterval(dripping || undefined))
    return { ...rest, drip, connection, ended: connection.when(() => connection.isEnded, 60_000).then(seconds) }
  })
  const deaf = new RawConnection(relay)
  deaf.socket.pause()
  deaf.write('GET / HTTP/1.1\r\nHost: relay\r\n\r\n'.repeat(20_000))
  const isOver = () => deaf.socket.destroyed && hung.every(({ connection }) => connection.isEnded)
  for (let number = 0; !isOver() && seconds() < 90; number++) {
    await serveRound(relay, number)
    deaf.write('G') // fails once the relay has ended it, which a client that does not read is not told otherwise
    await sleep(500)
  }
  t.ok(deaf.socket.destroyed, 'who never reads an answer is given up too')
  for (const { name, drip, connection, ended, limitSeconds } of hung) {
    const tookSeconds = await ended
    t.ok(tookSeconds > limitSeconds - 1, `not before its time: ${name}, ${tookSeconds} s`)
    t.ok(tookSeconds < limitSeconds + 15, `soon after its time: ${name}, ${tookSeconds} s`)
    checkErrors(t, connection.seen(), name, ['ERR_MALFORMED', 'ERR_NOT_FOUND', 'ERR_TOO_LARGE'])
    if (!drip) connection.destroy()
    t.ok(await connection.when(() => connection.socket.destroyed, 10_000), `and closed for good: ${name}`)
  }
  await checkUnimpressed(t, relay)
})

function statusesOf({ answers }: Exchange): number[] {
  return answers.map(({ status }) => status)
}

test('[protocol §5] fetch after fetch on one connection leaves nothing behind', async (t) => {
  const relay = await startTestRelay(t)
  const mailbox = createMailbox()
  await deposit(relay, mailbox.address, createEnvelope(4_000, 7))
  const body = fetchBody(mailbox, relay.origin)
  const head = POST.replace('/v1/deposit', '/v1/mailbox/fetch')
  const one = Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body])
  const connection = new RawConnection(relay)
  for (const number of range(1, 51)) {
    connection.write(one)
    t.ok(await connection.when(() => connection.seen().answers.length === number))
  }
  connection.destroy()
  t.same(numbersOf((await fetchFrom(relay, mailbox)).envelopes), [7])
  await checkUnimpressed(t, relay)
})
