import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { createMailbox, createSocketDepositor, receive } from '../../src/client/index.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import {
  envelopeOf,
  FAST,
  numberIn,
  range,
  receiving,
  startProxiedRelay,
  startTestRelay,
  take,
  WebSocket,
} from './client-setup.ts'

const INFO = { envelopeBytes: [4_000, 64_000], defaultTtl: 86_400, maxTtl: 604_800 }

/** A server of deposit sockets that answers by a script. */
async function startScripted(t: Test, onFrame: (frame: Buffer, socket: WebSocket) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'lethe.v1' })
  await once(server, 'listening')
  t.teardown(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  server.on('connection', (socket) => {
    socket.on('message', (frame: Buffer) => {
      if (socket.readyState === socket.OPEN) onFrame(frame, socket)
    })
  })
  const depositor = createSocketDepositor({
    relay: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    WebSocket,
    info: INFO,
    retry: { minDelayMs: 1, maxDelayMs: 5, maxAttempts: 4 },
    maxInFlightBytes: 20_000,
    drainDelayMs: 10,
  })
  t.teardown(() => depositor.close())
  const { address } = createMailbox()
  const deposit = (number: number, signal?: AbortSignal) =>
    depositor.deposit({ address, envelope: envelopeOf(number) }, signal ? { signal } : {})
  return { server, deposit }
}

function accepted(frame: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x81), frame.subarray(1, 5)])
}

function refused(frame: Buffer, number: number): Buffer {
  return Buffer.concat([Buffer.of(0x8f), frame.subarray(1, 5), Buffer.of(0, number)])
}

const isNumber = (number: number) => (frame: Buffer) => numberIn({ envelope: frame.subarray(41) }) === number

test('[protocol §4] many deposits go over one socket, and are stored in the order of the calls', async (t) => {
  const { proxy } = await startProxiedRelay(t)
  const mailbox = createMailbox()
  const depositor = createSocketDepositor({ relay: proxy.url, WebSocket, retry: FAST, maxInFlightBytes: 50_000 })
  const numbers = range(1, 500)
  const deposits = numbers.map((n) => depositor.deposit({ address: mailbox.address, envelope: envelopeOf(n) }))
  t.same(new Set((await Promise.all(deposits)).map(({ ttlSeconds }) => ttlSeconds)), new Set([86_400]))
  depositor.close()
  await eventually(() => proxy.open <= 1, {}) // what is left is the kept-alive connection of one GET /v1/info
  t.equal(proxy.connections, 2)
  const envelopes = receive({ ...receiving(proxy.url), mailbox, untilDrained: true })
  const found: number[] = []
  for await (const envelope of envelopes) {
    found.push(numberIn(envelope))
    envelope.ack()
  }
  t.same(found, numbers)
})

test('no more bytes are in flight than are allowed, but one envelope always may', async (t) => {
  const frames: Buffer[] = []
  let answer = (): void => undefined
  const { deposit } = await startScripted(t, (frame, socket) => {
    frames.push(frame)
    answer = () => socket.send(accepted(frame))
  })
  const deposits = range(1, 9).map((n) => deposit(n))
  await eventually(() => frames.length >= 4)
  t.equal(frames.length, 4, '4 frames of 4,041 bytes are within 20,000')
  answer()
  await eventually(() => frames.length >= 5)
  t.equal(frames.length, 5, 'one answer makes room for one')
  t.same(
    frames.map((frame) => numberIn({ envelope: frame.subarray(41) })),
    [1, 2, 3, 4, 5],
  )
  t.equal(new Set(frames.map((frame) => frame.readUInt32BE(1))).size, 5, 'every ref is another')
  for (const one of deposits) one.catch(() => undefined)
})

test('[protocol §6] a transient refusal is tried again, any other one is not', async (t) => {
  const tries = new Map<string, number>()
  const { deposit } = await startScripted(t, (frame, socket) => {
    const number = numberIn({ envelope: frame.subarray(41) })
    const count = (tries.get(String(number)) ?? 0) + 1
    tries.set(String(number), count)
    if (number === 1) socket.send(count < 3 ? refused(frame, 8) : accepted(frame))
    if (number === 2) socket.send(refused(frame, 8))
    if (number === 3) socket.send(refused(frame, 7))
    if (number === 4) socket.send(refused(frame, 200))
    if (number === 5) socket.send(accepted(frame))
  })
  const results = await Promise.allSettled(range(1, 5).map((n) => deposit(n)))
  t.match(results, [
    { value: { ttlSeconds: 86_400 } },
    { reason: { name: 'RelayError', code: 'ERR_STORE_UNAVAILABLE' } },
    { reason: { name: 'RelayError', code: 'ERR_MAILBOX_FULL' } },
    { reason: { name: 'UnexpectedAnswerError' } },
    { value: { ttlSeconds: 86_400 } },
  ])
  t.same(Object.fromEntries(tries), { 1: 3, 2: 4, 3: 1, 4: 1, 5: 1 })
})

test('what was not answered before the connection went is sent again, first and in order', async (t) => {
  const seen: number[][] = []
  const { server, deposit } = await startScripted(t, (frame, socket) => {
    const ours = seen.at(-1) as number[]
    ours.push(numberIn({ envelope: frame.subarray(41) }))
    if (seen.length === 1 && ours.length === 4) socket.close(1001)
    else if (seen.length === 1) {
      if (isNumber(2)(frame)) socket.send(accepted(frame))
    } else socket.send(accepted(frame))
  })
  server.on('connection', () => seen.push([]))
  await Promise.all(range(1, 6).map((n) => deposit(n)))
  t.same(seen, [
    [1, 2, 3, 4],
    [1, 3, 4, 5, 6],
  ])
})

test('an abandoned deposit is not sent again', async (t) => {
  const seen: number[] = []
  let drop = (): void => undefined
  const { deposit } = await startScripted(t, (frame, socket) => {
    seen.push(numberIn({ envelope: frame.subarray(41) }))
    drop = () => socket.terminate()
    if (seen.length > 2) socket.send(accepted(frame))
  })
  const ending = new AbortController()
  const abandoned = deposit(1, ending.signal)
  const other = deposit(2)
  await eventually(() => seen.length === 2)
  ending.abort()
  await t.rejects(abandoned, { code: 'ERR_ABORTED' })
  drop()
  await other
  t.same(seen, [1, 2, 2])
})

test('a relay that refuses the frame itself is not sent it again', async (t) => {
  let connections = 0
  const { server, deposit } = await startScripted(t, (_frame, socket) => socket.close(4400))
  server.on('connection', () => connections++)
  await t.rejects(deposit(1), { name: 'RelayError', code: 'ERR_MALFORMED' })
  t.equal(connections, 1)
})

test('answers that no relay gives end it', async (t) => {
  const strange: [string, Buffer | string][] = [
    ['an unknown type', Buffer.of(0x77, 0, 0, 0, 0)],
    ['a short answer', Buffer.of(0x81, 0, 0)],
    ['a long answer', Buffer.of(0x81, 0, 0, 0, 0, 0)],
    ['an answer to nothing', Buffer.of(0x81, 9, 9, 9, 9)],
    ['text', 'hello'],
  ]
  for (const [what, answer] of strange) {
    let connections = 0
    const { server, deposit } = await startScripted(t, (_frame, socket) => socket.send(answer))
    server.on('connection', () => connections++)
    await t.rejects(deposit(1), { name: 'UnexpectedAnswerError' }, what)
    t.equal(connections, 1, what)
  }
})

test('a silent relay is left after a time, and what it did not answer goes to the next connection', async (t) => {
  let connections = 0
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'lethe.v1' })
  await once(server, 'listening')
  t.teardown(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  server.on('connection', (socket) => {
    connections++
    if (connections > 2) socket.on('message', (frame: Buffer) => socket.send(accepted(frame)))
  })
  const depositor = createSocketDepositor({
    relay: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    WebSocket,
    info: INFO,
    retry: FAST,
    timeoutMs: 200,
  })
  t.teardown(() => depositor.close())
  await depositor.deposit({ address: createMailbox().address, envelope: envelopeOf(1) })
  t.equal(connections, 3)
})

test('1,000 deposits through a connection that breaks again and again: every one is stored at least once', async (t) => {
  const { proxy, relay } = await startProxiedRelay(t, { LETHE_BUCKET_BYTES: '40000000' })
  const mailbox = createMailbox()
  const depositor = createSocketDepositor({ relay: proxy.url, WebSocket, retry: FAST, maxInFlightBytes: 60_000 })
  proxy.cutAfter(() => 20_000 + Math.random() * 500_000)
  const numbers = range(1, 1_000)
  await Promise.all(numbers.map((n) => depositor.deposit({ address: mailbox.address, envelope: envelopeOf(n) })))
  depositor.close()
  proxy.cutAfter(undefined)
  t.ok(proxy.connections > 5, `${proxy.connections} connections`)
  t.ok(relay.pid)
  const found = new Map<number, Set<string>>()
  const envelopes = receive({ ...receiving(proxy.url), mailbox, untilDrained: true })
  for await (const envelope of envelopes) {
    const number = numberIn(envelope)
    found.set(number, (found.get(number) ?? new Set()).add(envelope.id))
    envelope.ack()
  }
  t.same(
    [...found.keys()].sort((a, b) => a - b),
    numbers,
  )
})

test('deposits go on when the relay comes back after a restart', async (t) => {
  const first = await startTestRelay(t)
  const port = new URL(first.url).port
  const depositor = createSocketDepositor({ relay: first.url, WebSocket, retry: FAST, drainDelayMs: 20 })
  t.teardown(() => depositor.close())
  const mailbox = createMailbox()
  await depositor.deposit({ address: mailbox.address, envelope: envelopeOf(1) })
  await first.stop()
  const waiting = [2, 3].map((n) => depositor.deposit({ address: mailbox.address, envelope: envelopeOf(n) }))
  const second = await startTestRelay(t, { LETHE_PORT: port })
  await Promise.all(waiting)
  const envelopes = receive({ ...receiving(second.url), mailbox })
  t.same((await take(envelopes, 2)).map(numberIn), [2, 3], 'the memory store has forgotten what was before')
  await envelopes.return?.()
})
