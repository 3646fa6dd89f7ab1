import {
  createHttpReceiver,
  createMailbox,
  getInfo,
  type HttpReceiverOptions,
  receive,
} from '../../src/client/index.ts'
import { findFreePort } from '../_util/ports.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import {
  depositNumbers,
  FAST,
  numberIn,
  ONCE,
  range,
  receiving,
  startProxiedRelay,
  startTestRelay,
} from './client-setup.ts'

const HOUR_MS = 3_600_000

/** Shifts this process's clock, and so the SDK's; the relay is another process. */
function shiftClock(t: Test, byMs: number): void {
  const now = Date.now
  Date.now = () => now() + byMs
  t.teardown(() => {
    Date.now = now
  })
}

/** Counts requests by their path. */
function counting(): { fetch: typeof fetch; paths: string[] } {
  const paths: string[] = []
  const counted: typeof fetch = (url, options) => {
    paths.push(new URL(String(url)).pathname)
    return fetch(url, options)
  }
  return { fetch: counted, paths }
}

test('[protocol §7] getInfo gives what the relay was configured with', async (t) => {
  const relay = await startTestRelay(t, {
    LETHE_ENVELOPE_BYTES: '100,2000,30000',
    LETHE_MAX_TTL_SECONDS: '90000',
    LETHE_DEFAULT_TTL_SECONDS: '700',
    LETHE_WINDOW: '9',
  })
  const { port } = new URL(relay.url)
  for (const url of [relay.url, relay.wsUrl, `${relay.url}/`, new URL(relay.url)]) {
    t.same(await getInfo(url), {
      publicOrigins: ['localhost', '127.0.0.1', '[::1]'].map((host) => `http://${host}:${port}`),
      envelopeBytes: [100, 2_000, 30_000],
      ttlClasses: [60, 600, 3_600, 86_400, 604_800],
      defaultTtl: 700,
      maxTtl: 90_000,
      window: 9,
    })
  }
})

test('getInfo names what goes wrong', async (t) => {
  await t.rejects(getInfo('ftp://relay.example'), { code: 'ERR_RELAY_URL' })
  const nobody = `http://127.0.0.1:${await findFreePort()}`
  await t.rejects(getInfo(nobody, { retry: ONCE }), { name: 'NetworkError', code: 'ERR_NETWORK' })
  await t.rejects(getInfo(nobody, { signal: AbortSignal.abort() }), { code: 'ERR_ABORTED' })
  const right = { protocol: 'lethe.v1', publicOrigins: [], envelopeBytes: [1], ttlClasses: [1], maxTtl: 1, window: 1 }
  const wrong = [
    '',
    '[]',
    'null',
    '{}',
    JSON.stringify({ ...right }),
    JSON.stringify({ ...right, defaultTtl: 1, protocol: 'lethe.v2' }),
    JSON.stringify({ ...right, defaultTtl: 1, envelopeBytes: [] }),
    JSON.stringify({ ...right, defaultTtl: 1, envelopeBytes: [1, -1] }),
    JSON.stringify({ ...right, defaultTtl: '1' }),
    JSON.stringify({ ...right, defaultTtl: 1, publicOrigins: [1] }),
    ' '.repeat(200_000),
  ]
  for (const body of wrong) {
    const answering = getInfo('http://relay.example', { fetch: async () => new Response(body), retry: ONCE })
    await t.rejects(answering, { name: 'UnexpectedAnswerError' }, body.slice(0, 60))
  }
  const body = JSON.stringify({ ...right, defaultTtl: 1, more: 'is fine' })
  await t.resolves(getInfo('http://relay.example', { fetch: async () => new Response(body) }))
})

test('[protocol §5] fetching changes nothing, acknowledging erases, and ids are those of the socket', async (t) => {
  const relay = await startTestRelay(t)
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, range(1, 20))
  await depositNumbers(relay.url, mailbox.address, [99], [64_000])
  const http = createHttpReceiver({ relay: relay.wsUrl, mailbox })
  const first = await http.fetchEnvelopes()
  t.same(first.envelopes.map(numberIn), range(1, 16), 'as many as may be')
  t.same(first.waiting, [true, true])
  t.same(await http.fetchEnvelopes(), first, 'the same again')
  const few = await http.fetchEnvelopes({ slots: 2 })
  t.same(few.envelopes, first.envelopes.slice(0, 2))
  const large = await http.fetchEnvelopes({ sizeIndex: 1 })
  t.same(large.envelopes.map(numberIn), [99])
  t.same(large.waiting, [true, false])

  await http.acknowledge(first.envelopes.map(({ id }) => id))
  const rest = await http.fetchEnvelopes()
  t.same(rest.envelopes.map(numberIn), range(17, 20))
  t.same(rest.waiting, [false, true])

  const ids: string[] = []
  for await (const { id, ack } of receive({ ...receiving(relay.url), mailbox, untilDrained: true })) {
    ids.push(id)
    ack()
  }
  t.same(new Set(ids), new Set([...rest.envelopes, ...large.envelopes].map(({ id }) => id)))
  await eventually(async () => {
    const { envelopes, waiting } = await http.fetchEnvelopes()
    return envelopes.length === 0 && !waiting.includes(true)
  })
  await http.acknowledge(ids)
  await http.acknowledge([])
})

test('any number of ids can be acknowledged in one call', async (t) => {
  const relay = await startTestRelay(t, { LETHE_WINDOW: '200' })
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, range(1, 150))
  const ids: string[] = []
  for await (const { id } of receive({ ...receiving(relay.url), mailbox, untilDrained: true })) ids.push(id)
  t.equal(ids.length, 150)
  const { fetch, paths } = counting()
  const http = createHttpReceiver({ relay: relay.url, mailbox, fetch })
  await http.acknowledge(ids)
  t.same(paths, Array(3).fill('/v1/mailbox/ack'))
  t.same((await http.fetchEnvelopes()).envelopes, [])
})

test('a long poll ends when something comes, and neither side of it displaces the other', async (t) => {
  const relay = await startTestRelay(t)
  const mailbox = createMailbox()
  const http = createHttpReceiver({ relay: relay.url, mailbox })
  await http.fetchEnvelopes()
  const waiting = http.fetchEnvelopes({ waitSeconds: 30, slots: 3 })
  await depositNumbers(relay.url, mailbox.address, [7])
  t.same((await waiting).envelopes.map(numberIn), [7])
})

test('the signal ends a long poll', async (t) => {
  const relay = await startTestRelay(t)
  const http = createHttpReceiver({ relay: relay.url, mailbox: createMailbox() })
  const ending = new AbortController()
  const waiting = http.fetchEnvelopes({ waitSeconds: 30, signal: ending.signal })
  setTimeout(() => ending.abort(), 50)
  await t.rejects(waiting, { name: 'AbortError', code: 'ERR_ABORTED' })
})

test('a fetch out of range, and ids that are none, are told before anything is sent', async (t) => {
  const { fetch, paths } = counting()
  const options: HttpReceiverOptions = {
    relay: 'http://relay.example',
    mailbox: createMailbox(),
    info: { envelopeBytes: [4_000, 64_000] },
    fetch,
  }
  const http = createHttpReceiver(options)
  for (const wrong of [
    { slots: 0 },
    { slots: 17 },
    { slots: 1.5 },
    { sizeIndex: 2 },
    { sizeIndex: -1 },
    { sizeIndex: 1, slots: 5 },
    { waitSeconds: 31 },
    { waitSeconds: -1 },
  ]) {
    await t.rejects(http.fetchEnvelopes(wrong), { code: 'ERR_FETCH_RANGE' }, JSON.stringify(wrong))
  }
  for (const id of ['', 'A'.repeat(21), 'A'.repeat(23), `${'A'.repeat(21)}B`]) {
    await t.rejects(http.acknowledge([id]), { code: 'ERR_ENVELOPE_ID' }, id)
  }
  t.throws(() => createHttpReceiver({ ...options, relay: 'relay.example' }), { code: 'ERR_RELAY_URL' })
  t.same(paths, [])
})

test('[protocol §5] a wrong clock is set right by the answer, once', async (t) => {
  const relay = await startTestRelay(t)
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, [1])
  for (const shiftMs of [HOUR_MS, -2 * HOUR_MS]) {
    shiftClock(t, shiftMs)
    const { fetch, paths } = counting()
    const http = createHttpReceiver({ relay: relay.url, mailbox, fetch, info: { envelopeBytes: [4_000, 64_000] } })
    t.same((await http.fetchEnvelopes()).envelopes.map(numberIn), [1])
    t.equal(paths.length, 2, 'refused as stale, then right')
    await http.fetchEnvelopes()
    await http.acknowledge(['A'.repeat(22)])
    t.equal(paths.length, 4, 'and right from then on')
  }
})

test('[protocol §5] the signed time is a full minute', async (t) => {
  const relay = await startTestRelay(t)
  const times: bigint[] = []
  const watched: typeof fetch = (url, options) => {
    const { body } = options ?? {}
    if (body instanceof Uint8Array) times.push(new DataView(body.buffer, body.byteOffset).getBigUint64(32))
    return fetch(url, options)
  }
  const http = createHttpReceiver({ relay: relay.url, mailbox: createMailbox(), fetch: watched })
  await http.fetchEnvelopes()
  await http.acknowledge(['A'.repeat(22)])
  t.equal(times.length, 2)
  for (const time of times) t.equal(time % 60n, 0n)
})

test('where the relay does not say what time it has, or says it wrongly, it is an error and no loop', async (t) => {
  const stale = JSON.stringify({ type: 'about:blank', title: 'a title', status: 403, code: 'ERR_STALE' })
  for (const headers of [{}, { Date: 'yesterday' }, { Date: new Date(0).toUTCString() }] as Record<string, string>[]) {
    let requests = 0
    const http = createHttpReceiver({
      relay: 'http://relay.example',
      mailbox: createMailbox(),
      info: { envelopeBytes: [100] },
      fetch: async () => {
        requests++
        return new Response(stale, { status: 403, headers })
      },
    })
    await t.rejects(http.fetchEnvelopes(), { name: 'RelayError', code: 'ERR_STALE' })
    t.ok(requests <= 2, `${requests} requests`)
  }
})

test('[protocol §6] a signature for another origin is refused', async (t) => {
  const relay = await startTestRelay(t, { LETHE_PUBLIC_ORIGIN: 'https://relay.example' })
  const http = createHttpReceiver({ relay: relay.url, mailbox: createMailbox() })
  await t.rejects(http.fetchEnvelopes(), { name: 'RelayError', code: 'ERR_SIGNATURE' })
  await t.rejects(http.acknowledge(['A'.repeat(22)]), { name: 'RelayError', code: 'ERR_SIGNATURE' })
})

test('an answer of another length than was asked for is named', async (t) => {
  for (const length of [0, 1 + 2 * 116 - 1, 1 + 2 * 116 + 1]) {
    const http = createHttpReceiver({
      relay: 'http://relay.example',
      mailbox: createMailbox(),
      info: { envelopeBytes: [100] },
      fetch: async () => new Response(new Uint8Array(length)),
    })
    await t.rejects(http.fetchEnvelopes({ slots: 2 }), { name: 'UnexpectedAnswerError' }, String(length))
  }
})

test('fetching and acknowledging go through a connection that breaks', async (t) => {
  const { proxy, relay } = await startProxiedRelay(t)
  const mailbox = createMailbox()
  await depositNumbers(relay.url, mailbox.address, range(1, 60))
  const http = createHttpReceiver({ relay: proxy.url, mailbox, retry: FAST })
  proxy.cutAfter(() => 1 + Math.random() * 200_000)
  const found = new Set<number>()
  for (;;) {
    const { envelopes } = await http.fetchEnvelopes({ slots: 4 })
    if (envelopes.length === 0) break
    for (const envelope of envelopes) found.add(numberIn(envelope))
    await http.acknowledge(envelopes.map(({ id }) => id))
  }
  t.same([...found], range(1, 60))
})
