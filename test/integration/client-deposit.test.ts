import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createHttpDepositor,
  createMailbox,
  createSocketDepositor,
  type Depositor,
  getInfo,
  type RetryOptions,
} from '../../src/client/index.ts'
import { startFlakyProxy } from '../_util/flaky-proxy.ts'
import { findFreePort } from '../_util/ports.ts'
import { startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { envelopeOf, FAST, ONCE, SIZES, startProxiedRelay, startTestRelay, WebSocket } from './client-setup.ts'

const KINDS = {
  http: (relay: string, retry: RetryOptions = FAST) => createHttpDepositor({ relay, retry }),
  socket: (relay: string, retry: RetryOptions = FAST) => createSocketDepositor({ relay, retry, WebSocket }),
}

function both(t: Test, relay: string, retry?: RetryOptions): [string, Depositor][] {
  return Object.entries(KINDS).map(([kind, create]) => {
    const depositor = create(relay, retry)
    t.teardown(() => depositor.close())
    return [kind, depositor]
  })
}

/** An HTTP server that answers by a script, and the requests it got. */
async function startScripted(t: Test, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    request.resume().on('end', () => answer(request, response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const problem = (code: string, status: number): string =>
  JSON.stringify({ type: 'about:blank', title: 'a title', status, code })

test('[protocol §3] both ways of depositing give the class that was granted', async (t) => {
  const relay = await startTestRelay(t, { LETHE_MAX_TTL_SECONDS: '90000', LETHE_DEFAULT_TTL_SECONDS: '4000' })
  const { address, addressText } = createMailbox()
  for (const [kind, depositor] of both(t, relay.url)) {
    const granted = async (ttlSeconds?: number) => {
      const envelope = envelopeOf(1)
      const deposit = ttlSeconds === undefined ? { address, envelope } : { address: addressText, envelope, ttlSeconds }
      return (await depositor.deposit(deposit)).ttlSeconds
    }
    t.equal(await granted(), 3_600, `${kind}: the relay's default`)
    t.equal(await granted(0), 60, kind)
    t.equal(await granted(599), 60, kind)
    t.equal(await granted(600), 600, kind)
    t.equal(await granted(604_800), 86_400, `${kind}: not beyond the relay's longest`)
    t.equal(await granted(2 ** 40), 86_400, `${kind}: saturates`)
  }
})

test('the relay may be named by its socket URL', async (t) => {
  const relay = await startTestRelay(t)
  for (const [kind, depositor] of both(t, relay.wsUrl)) {
    await t.resolves(depositor.deposit({ address: createMailbox().address, envelope: envelopeOf(1) }), kind)
  }
})

test('[protocol §6] refusals have their code, and do not disturb what follows', async (t) => {
  const relay = await startTestRelay(t, { LETHE_ENVELOPE_BYTES: '100,200', LETHE_BUCKET_BYTES: '300' })
  const refused = { name: 'RelayError' }
  for (const [kind, depositor] of both(t, relay.url)) {
    const { address } = createMailbox()
    const deposit = (bytes: number) => depositor.deposit({ address, envelope: new Uint8Array(bytes) })
    await t.rejects(deposit(99), { ...refused, code: 'ERR_ENVELOPE_SIZE' }, kind)
    await t.rejects(deposit(0), { ...refused, code: 'ERR_ENVELOPE_SIZE' }, kind)
    await t.rejects(deposit(100_000), { ...refused, code: 'ERR_TOO_LARGE' }, kind)
    const answers = await Promise.allSettled([deposit(100), deposit(100), deposit(100), deposit(100), deposit(200)])
    t.same(
      answers.map((answer) => (answer.status === 'rejected' ? answer.reason.code : 'ok')).sort(),
      ['ERR_MAILBOX_FULL', 'ok', 'ok', 'ok', 'ok'],
      `${kind}: only what does not fit is refused`,
    )
  }
})

test('what a caller got wrong is told before anything is sent', async (t) => {
  const proxy = await startFlakyProxy()
  t.teardown(() => proxy.stop())
  const { address } = createMailbox()
  const envelope = envelopeOf(1)
  for (const [kind, depositor] of both(t, proxy.url)) {
    await t.rejects(depositor.deposit({ address: 'short', envelope }), { code: 'ERR_ADDRESS' }, kind)
    await t.rejects(depositor.deposit({ address: address.slice(1), envelope }), { code: 'ERR_ADDRESS' }, kind)
    for (const ttlSeconds of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await t.rejects(depositor.deposit({ address, envelope, ttlSeconds }), { code: 'ERR_TTL' }, kind)
    }
  }
  t.throws(() => createHttpDepositor({ relay: 'ftp://relay.example' }), { code: 'ERR_RELAY_URL' })
  t.throws(() => createSocketDepositor({ relay: 'ftp://relay.example', WebSocket }), { code: 'ERR_RELAY_URL' })
  t.equal(proxy.connections, 0)
})

test('[protocol §6] a full store is tried again, within bounds, and then named with its Retry-After', async (t) => {
  const relay = await startTestRelay(t, {
    LETHE_ENVELOPE_BYTES: '1000',
    LETHE_BUCKET_BYTES: '1000000',
    LETHE_MEMORY_STORE_BYTES: '5000',
  })
  const { address } = createMailbox()
  const filling = createHttpDepositor({ relay: relay.url, retry: ONCE })
  const fill = async () => {
    for (let i = 0; i < 100; i++) await filling.deposit({ address, envelope: new Uint8Array(1_000) })
  }
  await t.rejects(fill(), { code: 'ERR_STORE_UNAVAILABLE', retryAfterSeconds: 5 })
  const impatient = { minDelayMs: 1, maxDelayMs: 2, maxAttempts: 5, maxTotalMs: 1_000 }
  for (const [kind, depositor] of both(t, relay.url, impatient)) {
    const deposit = depositor.deposit({ address, envelope: new Uint8Array(1_000) })
    await t.rejects(deposit, { name: 'RelayError', code: 'ERR_STORE_UNAVAILABLE' }, kind)
  }
})

test('a relay that is not there is tried again, and then it is a network error', async (t) => {
  const relay = `http://127.0.0.1:${await findFreePort()}`
  const retry = { minDelayMs: 1, maxDelayMs: 2, maxAttempts: 3 }
  for (const [kind, depositor] of both(t, relay, retry)) {
    const deposit = depositor.deposit({ address: createMailbox().address, envelope: envelopeOf(1) })
    await t.rejects(deposit, { name: 'NetworkError', code: 'ERR_NETWORK' }, kind)
  }
})

test('a socket depositor that gave up tries as often for the next deposit', async (t) => {
  let tries = 0
  class Counted extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol)
      tries++
    }
  }
  const depositor = createSocketDepositor({
    relay: `http://127.0.0.1:${await findFreePort()}`,
    WebSocket: Counted,
    info: { envelopeBytes: SIZES, defaultTtl: 86_400, maxTtl: 604_800 },
    retry: { minDelayMs: 1, maxDelayMs: 2, maxAttempts: 3 },
  })
  t.teardown(() => depositor.close())
  for (const total of [3, 6]) {
    const deposit = depositor.deposit({ address: createMailbox().address, envelope: envelopeOf(1) })
    await t.rejects(deposit, { code: 'ERR_NETWORK', cause: { code: 'ECONNREFUSED' } })
    t.equal(tries, total)
  }
})

test('a deposit waits for a relay that comes', async (t) => {
  const port = await findFreePort()
  const deposits = both(t, `http://127.0.0.1:${port}`).map(([, depositor]) =>
    depositor.deposit({ address: createMailbox().address, envelope: envelopeOf(1) }),
  )
  const relay = await startRelay({ LETHE_PORT: String(port) })
  t.teardown(() => relay.stop())
  t.same(await Promise.all(deposits), [{ ttlSeconds: 86_400 }, { ttlSeconds: 86_400 }])
})

test('Retry-After is waited for', async (t) => {
  const times: number[] = []
  const scripted = await startScripted(t, (_request, response) => {
    times.push(performance.now())
    if (times.length === 1) response.writeHead(429, { 'Retry-After': '1' }).end(problem('ERR_RATE_LIMITED', 429))
    else if (times.length === 2) response.writeHead(503, { 'Retry-After': '1' }).end('<h1>a proxy says no</h1>')
    else response.writeHead(202, { TTL: '60' }).end()
  })
  const depositor = createHttpDepositor({ relay: scripted.url, retry: FAST })
  const deposit = { address: createMailbox().address, envelope: envelopeOf(1), ttlSeconds: 61 }
  t.same(await depositor.deposit(deposit), { ttlSeconds: 60 })
  const [first = 0, second = 0, third = 0] = times
  t.ok(second - first >= 1_000 && third - second >= 1_000)
  for (const { headers } of scripted.seen) t.match(headers, { ttl: '61', 'content-type': 'application/octet-stream' })
})

test('an answer that no relay gives is named, and not tried again', async (t) => {
  const answers: [string, (response: ServerResponse) => void][] = [
    ['a page', (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>hello</h1>')],
    ['no TTL', (response) => response.writeHead(202).end()],
    ['a TTL that is no number', (response) => response.writeHead(202, { TTL: '1d' }).end()],
    ['a body where none belongs', (response) => response.writeHead(202, { TTL: '60' }).end('x')],
    ['an unknown code', (response) => response.writeHead(400).end(problem('ERR_WHATEVER', 400))],
    ['a code of another status', (response) => response.writeHead(500).end(problem('ERR_STALE', 403))],
    ['an endless error', (response) => response.writeHead(404).end('x'.repeat(1_000_000))],
  ]
  let answer: ((response: ServerResponse) => void) | undefined
  const scripted = await startScripted(t, (_request, response) => answer?.(response))
  const depositor = createHttpDepositor({ relay: scripted.url, retry: FAST })
  for (const [what, script] of answers) {
    const before = scripted.seen.length
    answer = script
    const deposit = depositor.deposit({ address: createMailbox().address, envelope: envelopeOf(1) })
    await t.rejects(deposit, { name: 'UnexpectedAnswerError', code: 'ERR_UNEXPECTED_ANSWER' }, what)
    t.equal(scripted.seen.length, before + 1, `${what}: one request`)
  }
})

test('a redirect is not followed: the address goes to the relay that was named, and to nobody else', async (t) => {
  const elsewhere = await startScripted(t, (_request, response) => response.writeHead(202, { TTL: '60' }).end())
  const scripted = await startScripted(t, (_request, response) =>
    response.writeHead(307, { Location: `${elsewhere.url}/v1/deposit` }).end(),
  )
  const depositor = createHttpDepositor({ relay: scripted.url, retry: ONCE })
  await t.rejects(depositor.deposit({ address: createMailbox().address, envelope: envelopeOf(1) }))
  t.equal(scripted.seen.length, 1)
  t.equal(elsewhere.seen.length, 0)
})

test('the signal ends a deposit wherever it is', async (t) => {
  const { proxy } = await startProxiedRelay(t)
  const deposit = { address: createMailbox().address, envelope: envelopeOf(1) }
  const aborted = { name: 'AbortError', code: 'ERR_ABORTED', cause: 'enough' }
  for (const [kind, depositor] of both(t, proxy.url)) {
    await t.rejects(depositor.deposit(deposit, { signal: AbortSignal.abort('enough') }), aborted, `${kind}: before`)

    proxy.stall()
    const unanswered = new AbortController()
    const waiting = depositor.deposit(deposit, { signal: unanswered.signal })
    setTimeout(() => unanswered.abort('enough'), 50)
    await t.rejects(waiting, aborted, `${kind}: no answer`)
    proxy.resume()

    await t.resolves(depositor.deposit(deposit), `${kind}: still of use`)
    proxy.stall()
    const again = new AbortController()
    const sent = depositor.deposit(deposit, { signal: again.signal })
    setTimeout(() => again.abort('enough'), 50)
    await t.rejects(sent, aborted, `${kind}: on an open connection`)
    proxy.resume()
    await t.resolves(depositor.deposit(deposit), `${kind}: and still of use`)
  }
  const patient = { minDelayMs: 3_600_000, maxDelayMs: 3_600_000, maxTotalMs: Number.POSITIVE_INFINITY }
  for (const [kind, depositor] of both(t, `http://127.0.0.1:${await findFreePort()}`, patient)) {
    const pausing = new AbortController()
    const waiting = depositor.deposit(deposit, { signal: pausing.signal })
    setTimeout(() => pausing.abort('enough'), 50)
    await t.rejects(waiting, aborted, `${kind}: between two tries`)
  }
})

test('close ends what waits, and what comes after it', async (t) => {
  const { proxy } = await startProxiedRelay(t)
  const deposit = { address: createMailbox().address, envelope: envelopeOf(1) }
  for (const [kind, depositor] of both(t, proxy.url)) {
    await depositor.deposit(deposit)
    proxy.stall()
    const waiting = depositor.deposit(deposit)
    setTimeout(() => depositor.close(), 50)
    await t.rejects(waiting, { code: 'ERR_CLOSED' }, kind)
    await t.rejects(depositor.deposit(deposit), { code: 'ERR_CLOSED' }, kind)
    proxy.resume()
  }
})

test('a socket depositor without WebSocket says so', async (t) => {
  if ('WebSocket' in globalThis) {
    t.ok(createSocketDepositor({ relay: 'http://localhost' }), 'this runtime has one')
    return
  }
  t.throws(() => createSocketDepositor({ relay: 'http://localhost' }), { code: 'ERR_NO_WEBSOCKET' })
})

test('information that was asked for already is not asked for again', async (t) => {
  const relay = await startTestRelay(t)
  const info = await getInfo(relay.url)
  const depositor = createSocketDepositor({
    relay: relay.url,
    WebSocket,
    info,
    fetch: () => {
      throw new Error('asked')
    },
  })
  t.teardown(() => depositor.close())
  t.same(await depositor.deposit({ address: createMailbox().address, envelope: envelopeOf(1, SIZES) }), {
    ttlSeconds: 86_400,
  })
})
