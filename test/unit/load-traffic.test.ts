import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { type WebSocket, WebSocketServer } from 'ws'
import { Arrivals } from '../../src/load/arrivals.ts'
import { depositBody, depositFrame } from '../../src/load/deposit-frame.ts'
import { FrameParser } from '../../src/load/frame-parser.ts'
import { FrameSocket } from '../../src/load/frame-socket.ts'
import { addPacked, createHistogram, Latencies } from '../../src/load/latencies.ts'
import { BodyPool, MIN_ENVELOPE_BYTES, readStamp, type Stamp } from '../../src/load/stamp.ts'
import { targetOf } from '../../src/load/target.ts'
import { parseDepositFrame } from '../../src/protocol/deposit-frames.ts'
import { test } from '../_util/tap.ts'

const RUN_ID = Buffer.from('run-id-8')
const MASK = Buffer.from([0x12, 0x34, 0x56, 0x78])
const STAMP: Stamp = { worker: 3, number: 77, mailbox: 12, stream: 5, dueMs: 1234.5, lane: 9 }
const EMPTY: Stamp = { worker: 0, number: 0, mailbox: 0, stream: 0, dueMs: 0, lane: 0 }

function dueTimes(count: number, options: Partial<ConstructorParameters<typeof Arrivals>[0]>): number[] {
  const arrivals = new Arrivals({ rate: 100, rampSeconds: 0, arrivals: 'fixed', random: Math.random, ...options })
  return Array.from({ length: count }, () => {
    const { nextMs } = arrivals
    arrivals.advance()
    return nextMs
  })
}

test('equal intervals are equal', async (t) => {
  const due = dueTimes(50, { random: () => 0.5 })
  t.equal(due[0], 5)
  for (let i = 1; i < due.length; i++) t.ok(Math.abs((due[i] as number) - (due[i - 1] as number) - 10) < 1e-6)
})

test('random times have the rate, and intervals as spread as independent people have', async (t) => {
  let seed = 1
  const random = (): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed / 2 ** 32
  }
  const due = dueTimes(20_000, { arrivals: 'poisson', random })
  const gaps = due.map((ms, i) => ms - (due[i - 1] ?? 0))
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
  t.ok(Math.abs(mean - 10) < 0.3, `mean ${mean}`)
  t.ok(Math.abs(deviation / mean - 1) < 0.05, `deviation ${deviation}`)
})

test('in the ramp the rate rises in a line, and is reached at its end', async (t) => {
  const due = dueTimes(400, { rampSeconds: 2, random: () => 0 })
  const within = (from: number, to: number) => due.filter((ms) => ms >= from && ms < to).length
  t.equal(within(0, 1_000), 25)
  t.equal(within(1_000, 2_000), 75)
  t.equal(within(2_000, 3_000), 100)
})

test('a masked frame holds the deposit that it should, at every size', async (t) => {
  const pool = new BodyPool(70_000, MASK)
  const address = Buffer.alloc(32, 7)
  for (const envelopeBytes of [MIN_ENVELOPE_BYTES, 126, 4_000, 64_000, 65_494, 65_495, 70_000]) {
    const parts = { ref: 42, ttlSeconds: 3_600, address, envelopeBytes, stamp: STAMP }
    const frame = depositFrame(pool, MASK, RUN_ID, parts)
    const payload = await throughServer(frame)
    const deposit = parseDepositFrame(payload)
    t.match(deposit, { ref: 42, ttlSeconds: 3_600 })
    t.same(Buffer.from(deposit.address), address)
    t.equal(deposit.envelope.length, envelopeBytes)
    const read = { ...EMPTY }
    t.equal(readStamp(Buffer.from(deposit.envelope), RUN_ID, read), 'sound', `${envelopeBytes} bytes`)
    t.same(read, STAMP)
    const body = depositBody(pool, RUN_ID, parts)
    t.same(body.subarray(32), Buffer.from(deposit.envelope), 'HTTP sends the same')
  }
})

/** What a server that others wrote makes of a frame. */
async function throughServer(frame: Buffer): Promise<Buffer> {
  const http = createServer()
  const server = new WebSocketServer({ server: http, handleProtocols: () => 'lethe.v1' })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const target = targetOf(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, [])
  const received = new Promise<Buffer>((resolve) => {
    server.on('connection', (socket: WebSocket) => socket.on('message', (data) => resolve(data as Buffer)))
  })
  const socket: FrameSocket = new FrameSocket(target, '/', MASK, {
    onOpen: () => socket.sendFrame(frame),
    onMessage: () => undefined,
    onTurn: () => undefined,
    onEnd: () => undefined,
  })
  try {
    return await received
  } finally {
    socket.terminate()
    await new Promise((resolve) => server.close(resolve))
    await new Promise((resolve) => http.close(resolve))
  }
}

test('every bit that changes is noticed', async (t) => {
  const pool = new BodyPool(4_000, MASK)
  const parts = { ref: 1, ttlSeconds: 60, address: Buffer.alloc(32), envelopeBytes: 4_000, stamp: STAMP }
  const envelope = depositBody(pool, RUN_ID, parts).subarray(32)
  t.equal(readStamp(envelope, RUN_ID, { ...EMPTY }), 'sound')
  const bits = envelope.length * 8
  for (let bit = 0; bit < bits; bit += bit < 500 ? 1 : 97) {
    const changed = Buffer.from(envelope)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    if (readStamp(changed, RUN_ID, { ...EMPTY }) === 'sound') t.fail(`bit ${bit} went unnoticed`)
  }
  t.equal(readStamp(envelope, Buffer.from('other-id'), { ...EMPTY }), 'damaged', 'of another run')
  const halves = Buffer.concat([
    envelope.subarray(0, 2_000),
    depositBody(pool, RUN_ID, { ...parts, stamp: { ...STAMP, number: 78 } }).subarray(2_032),
  ])
  t.equal(readStamp(halves, RUN_ID, { ...EMPTY }), 'body-damaged', 'half of another envelope')
})

test('messages are the same however the stream is cut', async (t) => {
  const lengths = [0, 1, 125, 126, 4_019, 65_535, 65_536, 70_000]
  const messages = lengths.map((length, i) => Buffer.alloc(length, i + 1))
  const stream = Buffer.concat([
    ...messages.map(serverFrame),
    Buffer.from([0x89, 2, 1, 2]),
    Buffer.from([0x88, 2, 3, 233]),
  ])
  const cuts = fc.array(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 30 })
  const check = () =>
    fc.assert(
      fc.property(cuts, (at) => {
        const seen: Buffer[] = []
        const others: string[] = []
        const parser = new FrameParser({
          onMessage: (payload) => seen.push(Buffer.from(payload)),
          onPing: (payload) => others.push(`ping ${payload.toString('hex')}`),
          onClose: (code) => others.push(`close ${code}`),
        })
        const edges = [0, ...at.sort((a, b) => a - b), stream.length]
        for (let i = 1; i < edges.length; i++) parser.push(stream.subarray(edges[i - 1], edges[i]))
        return (
          seen.length === messages.length &&
          seen.every((payload, i) => payload.equals(messages[i] as Buffer)) &&
          others.join() === 'ping 0102,close 1001'
        )
      }),
      { numRuns: 100 },
    )
  t.doesNotThrow(check, 'no counterexample')
})

test('fragments are joined', async (t) => {
  const seen: string[] = []
  const parser = new FrameParser({
    onMessage: (payload) => seen.push(payload.toString()),
    onPing: () => undefined,
    onClose: () => undefined,
  })
  parser.push(Buffer.concat([Buffer.from([0x02, 2]), Buffer.from('ab'), Buffer.from([0x80, 1]), Buffer.from('c')]))
  t.same(seen, ['abc'])
})

function serverFrame(payload: Buffer): Buffer {
  const head = payload.length < 126 ? Buffer.alloc(2) : Buffer.alloc(payload.length > 65_535 ? 10 : 4)
  head[0] = 0x82
  head[1] = payload.length < 126 ? payload.length : payload.length > 65_535 ? 127 : 126
  if (head.length === 4) head.writeUInt16BE(payload.length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([head, payload])
}

test('latencies keep three digits from process to process', async (t) => {
  const latencies = new Latencies()
  const histogram = createHistogram()
  for (let ms = 1; ms <= 1_000; ms++) latencies.record(ms)
  addPacked(histogram, latencies.pack())
  t.equal(histogram.totalCount, 1_000)
  for (const percentile of [50, 90, 99]) {
    const expected = percentile * 10_000
    t.ok(Math.abs(histogram.getValueAtPercentile(percentile) / expected - 1) < 0.003, `p${percentile}`)
  }
  t.equal(latencies.pack().length, 0, 'begun anew')
})
