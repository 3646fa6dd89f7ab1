import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from '../_util/tap.ts'
import { createEnvelope, createMailbox, idsOf, numbersOf, range } from './client.ts'
import { connectDeposit } from './deposit-socket.ts'
import { parseDepositFrame } from './frames.ts'
import { fetchFrom, OCTETS } from './http.ts'
import { connectMailbox } from './mailbox-socket.ts'
import { CLOSE } from './problems.ts'
import type { Arrival } from './socket.ts'
import { bothStores, type Relay, relayFor, type Store } from './stores.ts'

const ENV = { LETHE_DRAIN_SECONDS: '3' }

/** The refs that were accepted, among everything that came. */
function acceptedIn(arrivals: readonly Arrival[]): number[] {
  return arrivals
    .filter((arrival) => arrival.kind === 'frame')
    .map(({ bytes }) => parseDepositFrame(bytes))
    .filter(({ type }) => type === 'ACCEPTED')
    .map(({ ref }) => ref)
}

/** Sends half a deposit; `finish` sends the other half. */
function startHalfRequest(relay: Relay): { answer: Promise<string>; finish: () => void } {
  const { hostname: host, port } = new URL(relay.url)
  const socket = connect({ host, port: Number(port) })
  const head = `POST /v1/deposit HTTP/1.1\r\nHost: relay\r\nContent-Type: ${OCTETS}\r\nContent-Length: 4032\r\n\r\n`
  const body = createEnvelope(4_032)
  socket.write(Buffer.concat([Buffer.from(head), body.subarray(0, 2_000)]))
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk
  })
  const answer = new Promise<string>((resolve) => {
    socket.once('error', () => resolve(received))
    socket.once('close', () => resolve(received))
  })
  return { answer, finish: () => socket.write(body.subarray(2_000)) }
}

for (const store of bothStores()) {
  test(`[protocol §6] SIGTERM closes sockets with 1001 and ends with 0, ${store.name}`, async (t) => {
    const relay = await relayFor(t, { ...store.env, ...ENV })
    const mailbox = createMailbox()
    const readers = await Promise.all(range(0, 5).map(() => connectMailbox(relay)))
    for (const reader of readers) {
      const own = reader === readers[0] ? mailbox : createMailbox()
      await reader.open(1, own)
      await reader.untilDrained(1)
    }
    const senders = await Promise.all(range(0, 5).map(() => connectDeposit(relay)))
    const poll = fetchFrom(relay, createMailbox(), { wait: 30 }).then(
      ({ envelopes }) => envelopes.length === 0,
      (error: Error) => /was answered 503: .*ERR_DRAINING/.test(error.message),
    )
    const half = startHalfRequest(relay)
    await sleep(500)
    const exitCode = relay.stop()
    for (const socket of [...readers, ...senders]) t.equal(await socket.closeCode(), CLOSE.draining)
    half.finish()
    t.match(await half.answer, /^HTTP\/1\.1 (202 |503 .*ERR_DRAINING)/s, 'a request that had begun is answered')
    t.equal(await exitCode, 0)
    t.ok(await poll, 'a long poll under way is answered')
  })
}

test('[protocol §4] what was accepted before the end is there after it', async (t) => {
  const { env } = bothStores().find(({ name }) => name === 'Redis') as Store
  const first = await relayFor(t, { ...env, ...ENV })
  const mailbox = createMailbox()
  const socket = await connectDeposit(first)
  for (const ref of range(0, 300)) {
    socket.deposit({ ref, ttl: 86_400, address: mailbox.address, envelope: createEnvelope(4_000, ref) })
  }
  const arrivals = [await socket.next()]
  const exitCode = first.stop()
  arrivals.push(...(await socket.rest(10_000)))
  t.same(arrivals.at(-1), { kind: 'close', code: CLOSE.draining })
  const accepted = acceptedIn(arrivals)
  t.ok(accepted.length > 0, 'some were accepted')
  t.equal(await exitCode, 0)
  const second = await relayFor(t, env)
  const reader = await connectMailbox(second)
  await reader.open(1, mailbox)
  const received = await reader.takeAll(1)
  const numbers = numbersOf(received)
  t.same(
    accepted.filter((ref) => !numbers.includes(ref)),
    [],
    `all of ${accepted.length} accepted`,
  )
  t.same(
    numbers,
    numbers.toSorted((a, b) => a - b),
    'in order',
  )
  t.equal(new Set(idsOf(received)).size, received.length)
  await reader.close()
})

test('[protocol §4] what was accepted survives a relay that is killed', async (t) => {
  const { env } = bothStores().find(({ name }) => name === 'Redis') as Store
  const first = await relayFor(t, env)
  const mailbox = createMailbox()
  const socket = await connectDeposit(first)
  for (const ref of range(0, 200)) {
    socket.deposit({ ref, ttl: 86_400, address: mailbox.address, envelope: createEnvelope(4_000, ref) })
  }
  const arrivals: Arrival[] = []
  while (arrivals.length < 20) arrivals.push(await socket.next())
  await first.kill()
  arrivals.push(...(await socket.rest(5_000)))
  const accepted = acceptedIn(arrivals)
  t.ok(accepted.length >= 20, 'some were accepted')
  const second = await relayFor(t, env)
  const reader = await connectMailbox(second)
  await reader.open(1, mailbox)
  const numbers = numbersOf(await reader.takeAll(1))
  t.same(
    accepted.filter((ref) => !numbers.includes(ref)),
    [],
    `all of ${accepted.length} accepted`,
  )
  await reader.close()
})
