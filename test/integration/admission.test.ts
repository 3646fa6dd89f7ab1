import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ERRORS, RETRY_AFTER_SECONDS } from '../../src/protocol/errors.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox, fetchBody, range } from '../conformance/client.ts'
import { connectDeposit } from '../conformance/deposit-socket.ts'
import { type Answer, OCTETS, request } from '../conformance/http.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'
import { CLOSE } from '../conformance/problems.ts'
import type { Arrival } from '../conformance/socket.ts'
import { EXACT_METRICS, metric } from './served.ts'

/** A bucket of 40,000 bytes for each connection, of 160,000 for each prefix, in which a minute brings little. */
const TIGHT = {
  LETHE_EXEMPT_PREFIXES: '',
  LETHE_CONNECTION_BYTES_PER_SECOND: '4000',
  LETHE_PREFIX_BYTES_PER_SECOND: '16000',
}
const HERE = '127.0.1.1'
const THERE = '127.0.2.1'
const { number: LIMITED } = ERRORS.ERR_RATE_LIMITED

async function startLimited(t: Test, env: Record<string, string> = {}, nodeOptions: string[] = []): Promise<Relay> {
  const relay = await startRelay({ LETHE_LOG_LEVEL: 'debug', ...EXACT_METRICS, ...TIGHT, ...env }, nodeOptions)
  t.teardown(() => relay.stop())
  return relay
}

function deposit(relay: Relay, localAddress: string, headers: Record<string, string> = {}): Promise<Answer> {
  const body = Buffer.concat([createMailbox().address, createEnvelope()])
  return request(relay, '/v1/deposit', {
    method: 'POST',
    headers: { 'Content-Type': OCTETS, ...headers },
    body,
    localAddress,
  })
}

/** What it is answered, again and again until it is refused, 60 times at most. */
async function untilRefused(ask: () => Promise<Answer>): Promise<number[]> {
  const statuses: number[] = []
  while (statuses.length < 60 && statuses.at(-1) !== 429) statuses.push((await ask()).status)
  return statuses
}

test('[protocol §6: 429] a prefix that asks too much is refused over HTTP, others are not', async (t) => {
  const relay = await startLimited(t)
  const seen = await untilRefused(() => deposit(relay, HERE))
  t.equal(seen[0], 202)
  t.equal(seen.at(-1), 429)
  const refused = await deposit(relay, HERE)
  t.equal(refused.headers['retry-after'], String(RETRY_AFTER_SECONDS.ERR_RATE_LIMITED))
  t.equal(JSON.parse(refused.body.toString()).code, 'ERR_RATE_LIMITED')
  t.equal(refused.headers['access-control-allow-origin'], '*', 'a page may read why')
  t.equal((await deposit(relay, THERE)).status, 202, 'another prefix is served')
  t.equal((await request(relay, '/v1/info', { localAddress: '127.0.1.200' })).status, 429, 'its neighbour is not')
  t.ok((await metric(relay, 'lethe_refusals_total{cause="prefix"}')) > 0)
  t.equal(JSON.parse((await request(relay, '/v1/info', { localAddress: THERE })).body.toString()).admission, 'limited')
  t.notMatch(relay.stderr(), /127\.0\.[12]/, 'no line of the log names anybody')
})

test('[protocol §6: 9, 4429] a socket that asks too much hears of it, and is ended if it goes on', async (t) => {
  const relay = await startLimited(t)
  const socket = await connectDeposit(relay, { localAddress: HERE })
  const { address } = createMailbox()
  const answers = await socket.depositAll(range(0, 8).map((ref) => deposits(ref, address)))
  t.ok(answers.slice(0, 4).every(({ type }) => type === 'ACCEPTED'))
  t.same(answers.at(-1), { type: 'ERROR', ref: 7, code: LIMITED })
  const other = await connectDeposit(relay, { localAddress: THERE })
  t.equal((await other.depositAll([deposits(1, address)]))[0]?.type, 'ACCEPTED', 'another client is served')
  for (const ref of range(10, 30)) socket.deposit(deposits(ref, address))
  const arrivals = await socket.rest(10_000)
  t.same(arrivals.at(-1), { kind: 'close', code: CLOSE.limited })
  t.equal(await metric(relay, 'lethe_socket_closes_total{code="4429"}'), 1)
  await other.close()
})

function deposits(ref: number, address: Buffer) {
  return { ref, ttl: 600, address, envelope: createEnvelope(4_000, ref) }
}

test('[protocol §6: 9] OPENs are limited, and so are pings', async (t) => {
  const relay = await startLimited(t, {
    LETHE_CONNECTION_BYTES_PER_SECOND: '20000',
    LETHE_PREFIX_BYTES_PER_SECOND: '1000000',
  })
  const socket = await connectMailbox(relay, { localAddress: HERE })
  for (const channel of range(0, 12)) socket.sendOpen(channel, createMailbox())
  const answers: string[] = []
  while (answers.filter((answer) => answer === 'OPENED' || answer === `ERROR ${LIMITED}`).length < 12) {
    const frame = await socket.frame()
    answers.push(frame.type === 'ERROR' ? `ERROR ${frame.code}` : frame.type)
  }
  t.ok(answers.filter((answer) => answer === 'OPENED').length >= 8, 'as many as its bucket held')
  t.ok(answers.includes(`ERROR ${LIMITED}`), 'and no more')
  let arrivals: Arrival[] = []
  for (let pings = 0; pings < 1_000 && arrivals.at(-1)?.kind !== 'close'; pings += 20) {
    for (const _ of range(0, 20)) socket.ping()
    arrivals = await socket.rest(50)
  }
  t.same(arrivals.at(-1), { kind: 'close', code: CLOSE.limited })
})

test('answers are charged: a fetch of one byte more than the bucket holds is the last for a while', async (t) => {
  const relay = await startLimited(t, { LETHE_CONNECTION_BYTES_PER_SECOND: '1000000' })
  const mailbox = createMailbox()
  const fetch = () => {
    const body = fetchBody(mailbox, relay.origin, { slots: 3, sizeIndex: 1 })
    const headers = { 'Content-Type': OCTETS }
    return request(relay, '/v1/mailbox/fetch', { method: 'POST', headers, body, localAddress: HERE })
  }
  t.equal((await fetch()).status, 200, 'the request alone is small')
  t.equal((await fetch()).status, 429, 'its answer of 192 KB was not')
})

test('envelopes on their way out are charged, and wait until they are paid off', async (t) => {
  const relay = await startLimited(t, {
    LETHE_CONNECTION_BYTES_PER_SECOND: '30000',
    LETHE_PREFIX_BYTES_PER_SECOND: '1000000',
  })
  const mailbox = createMailbox()
  const count = 70
  for (const half of [0, 1]) {
    const sender = await connectDeposit(relay, { localAddress: THERE })
    const answers = await sender.depositAll(
      range(0, count / 2).map((ref) => deposits(ref + half * count, mailbox.address)),
    )
    t.ok(answers.every(({ type }) => type === 'ACCEPTED'))
    await sender.close()
  }
  const socket = await connectMailbox(relay, { localAddress: HERE })
  socket.sendOpen(0, mailbox)
  let received = 0
  while (received < count) {
    const frame = await socket.frame()
    if (frame.type !== 'ENVELOPE') continue
    received++
    socket.ack(0, [frame.id])
  }
  t.equal(received, count, 'all came')
  const seen = await metric(relay, 'lethe_delivery_stalls_total{cause="socket"}')
  t.ok(seen > 0, `it had to wait ${seen} times: 70 envelopes are more than its bucket held`)
  await socket.close()
})

test('[LETHE_ADMISSION] open limits nobody', async (t) => {
  const relay = await startLimited(t, { LETHE_ADMISSION: 'open' })
  t.same(new Set(await untilRefused(() => deposit(relay, HERE))), new Set([202]))
})

test('by default this machine is not limited', async (t) => {
  const { LETHE_EXEMPT_PREFIXES: _, ...env } = TIGHT
  const relay = await startRelay({ ...EXACT_METRICS, ...env })
  t.teardown(() => relay.stop())
  t.same(new Set(await untilRefused(() => deposit(relay, HERE))), new Set([202]))
})

test('[LETHE_PROXY_PREFIXES] a forwarded address counts from a proxy that may say so', async (t) => {
  const relay = await startLimited(t, { LETHE_PROXY_PREFIXES: `${HERE}/32` })
  const by = (name: string, proxy = HERE) => deposit(relay, proxy, { 'X-Forwarded-For': name })
  t.equal((await untilRefused(() => by('192.0.2.1'))).at(-1), 429)
  t.equal((await by('192.0.2.99')).status, 429, 'the prefix that the proxy named is limited')
  t.equal((await by('198.51.100.1')).status, 202, 'the proxy is not')
  t.equal((await untilRefused(() => by('198.51.100.7', THERE))).at(-1), 429, 'somebody else is charged itself')
  t.equal((await by('198.51.100.7')).status, 202, 'and not whom it names')
  const socket = await connectDeposit(relay, { localAddress: HERE, headers: { 'X-Forwarded-For': '203.0.113.1' } })
  const answers = await socket.depositAll(range(0, 10).map((ref) => deposits(ref, createMailbox().address)))
  t.equal(answers.at(-1)?.type, 'ERROR', 'each socket through it has a bucket of its own')
  await socket.close()
})

test('a client’s address is nowhere among what the relay holds, neither its own nor a forwarded one', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lethe-heap-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'heap')
  const relay = await startLimited(t, { LETHE_PROXY_PREFIXES: '127.0.3.9/32', HEAP_SNAPSHOT_FILE: file }, [
    `--import=${new URL('heap-snapshot.js', import.meta.url).href}`,
  ])
  const direct = await connectDeposit(relay, { localAddress: '127.0.77.131' })
  const mailboxSocket = await connectMailbox(relay, { localAddress: '127.0.77.132' })
  await mailboxSocket.open(0, createMailbox())
  const headers = { 'X-Forwarded-For': '203.0.113.177' }
  const forwarded = await connectDeposit(relay, { localAddress: '127.0.3.9', headers })
  for (const [ref, socket] of [direct, forwarded].entries()) {
    t.equal((await socket.depositAll([deposits(ref, createMailbox().address)]))[0]?.type, 'ACCEPTED')
  }
  await deposit(relay, '127.0.3.9', { 'X-Forwarded-For': '203.0.113.178' })
  process.kill(relay.pid, 'SIGUSR2')
  await eventually(() => existsSync(file), { timeoutMs: 60_000, intervalMs: 200 })
  const { strings } = JSON.parse(readFileSync(file, 'utf8')) as { strings: string[] }
  t.ok(
    strings.some((text) => text.includes('lethe.v1')),
    'the strings of the relay are among them',
  )
  const addresses = strings.filter((text) => /127\.0\.77\.13|127\.0\.3\.9|203\.0\.113\.17/.test(text))
  t.same(
    addresses.filter((text) => !text.includes('127.0.3.9/32')),
    [],
  )
  for (const socket of [direct, mailboxSocket, forwarded]) await socket.close()
})
