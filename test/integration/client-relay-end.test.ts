import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { connectMailboxes, createMailbox, type DisconnectEvent, receive } from '../../src/client/index.ts'
import { findFreePort } from '../_util/ports.ts'
import { startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import {
  depositNumbers,
  FAST,
  numberIn,
  range,
  receiving,
  startProxiedRelay,
  startTestRelay,
  take,
  WebSocket,
} from './client-setup.ts'

const storeSecret = (): string => randomBytes(32).toString('base64url')

test('[protocol §6] a relay that shuts down is come back to, and nothing is lost or given out twice', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const env = {
    LETHE_PORT: String(await findFreePort()),
    LETHE_REDIS_URL: redis.url,
    LETHE_STORE_SECRET: storeSecret(),
    LETHE_DRAIN_SECONDS: '1',
  }
  let relay = await startTestRelay(t, env)
  const mailbox = createMailbox()
  const lost: DisconnectEvent[] = []
  const envelopes = receive({ ...receiving(relay.url), mailbox, onDisconnect: (event) => lost.push(event) })
  t.teardown(() => envelopes.return?.())
  const found: number[] = []
  const consuming = (async () => {
    for await (const envelope of envelopes) {
      found.push(numberIn(envelope))
      envelope.ack()
    }
  })()
  for (const round of [0, 1, 2]) {
    await depositNumbers(relay.url, mailbox.address, range(round * 20 + 1, round * 20 + 20))
    await eventually(() => found.length === (round + 1) * 20)
    const { length } = lost
    await relay.stop()
    await eventually(() => lost.length > length)
    relay = await startTestRelay(t, env)
  }
  t.same(found, range(1, 60))
  t.equal(lost[0]?.closeCode, 1001)
  await envelopes.return?.()
  await consuming
})

test('[protocol §6] a store that goes and comes back empty: 4503, and ERROR 8 until it is there', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const { proxy, relay } = await startProxiedRelay(t, {
    LETHE_REDIS_URL: redis.url,
    LETHE_STORE_SECRET: storeSecret(),
  })
  const errors: number[] = []
  class Watched extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol)
      this.on('message', (data: ArrayBuffer) => {
        const frame = Buffer.from(data)
        if (frame[0] === 0x8f) errors.push(frame.readUInt16BE(3))
      })
    }
  }
  const mailbox = createMailbox()
  const lost: DisconnectEvent[] = []
  const envelopes = receive({
    ...receiving(proxy.url),
    WebSocket: Watched,
    mailbox,
    onDisconnect: (event) => lost.push(event),
  })
  t.teardown(() => envelopes.return?.())
  const first = take(envelopes, 1)
  await depositNumbers(relay.url, mailbox.address, [1])
  ;(await first)[0]?.ack()

  const second = take(envelopes, 1)
  await redis.restart()
  await eventually(() => lost.some(({ closeCode }) => closeCode === 4503))
  await depositNumbers(relay.url, mailbox.address, [2])
  const [envelope] = await second
  t.equal(envelope && numberIn(envelope), 2)
  envelope?.ack()

  const third = take(envelopes, 1)
  await redis.kill()
  proxy.cut()
  await eventually(() => errors.length > 3)
  t.same(new Set(errors), new Set([8]))
  await redis.restart()
  await depositNumbers(relay.url, mailbox.address, [3])
  t.same((await third).map(numberIn), [3])
})

test('a reader that stalls while much more comes than the relay buffers for it catches up afterwards', async (t) => {
  const { proxy, relay } = await startProxiedRelay(t, {
    LETHE_WINDOW: '1024',
    LETHE_SOCKET_BUFFER_BYTES: '100000',
    LETHE_BUCKET_BYTES: '100000000',
  })
  const mailbox = createMailbox()
  const envelopes = receive({ ...receiving(proxy.url), mailbox })
  t.teardown(() => envelopes.return?.())
  const first = take(envelopes, 1)
  await depositNumbers(relay.url, mailbox.address, [0])
  ;(await first)[0]?.ack()
  proxy.stall()
  await depositNumbers(relay.url, mailbox.address, range(1, 300), [64_000])
  proxy.resume()
  const found = new Set<number>()
  while (found.size < 300) {
    for (const envelope of await take(envelopes, 1)) {
      found.add(numberIn(envelope))
      envelope.ack()
    }
  }
  t.same([...found], range(1, 300))
})

/** A server of mailbox sockets that does as it is told on each connection. */
async function startScripted(t: Test, onConnection: (socket: WebSocket, count: number) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'lethe.v1' })
  await once(server, 'listening')
  let count = 0
  server.on('connection', (socket) => onConnection(socket, ++count))
  t.teardown(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => count }
}

const HELLO = Buffer.concat([Buffer.of(0x81), randomBytes(32)])

/** Answers every OPEN by a script, and gives the channel numbers it saw. */
function scriptOpens(socket: WebSocket, answer: (channel: Buffer, count: number) => void): number[] {
  const channels: number[] = []
  socket.on('message', (frame: Buffer) => {
    if (frame[0] !== 0x01) return
    channels.push(frame.readUInt16BE(1))
    answer(frame.subarray(1, 3), channels.length)
  })
  socket.send(HELLO)
  return channels
}

test('[protocol §5] after ERROR 8 the next OPEN has a channel number of its own', async (t) => {
  let channels: number[] = []
  const scripted = await startScripted(t, (socket) => {
    channels = scriptOpens(socket, (channel, count) => {
      if (count < 4) socket.send(Buffer.concat([Buffer.of(0x8f), channel, Buffer.of(0, 8)]))
      else {
        socket.send(Buffer.concat([Buffer.of(0x82), channel]))
        socket.send(Buffer.concat([Buffer.of(0x83), channel, Buffer.alloc(16, 7), Buffer.alloc(40, 1)]))
      }
    })
  })
  const envelopes = receive({ ...receiving(scripted.url), mailbox: createMailbox() })
  t.teardown(() => envelopes.return?.())
  const [envelope] = await take(envelopes, 1)
  t.equal(envelope?.id, Buffer.alloc(16, 7).toString('base64url'))
  t.same(envelope?.envelope, new Uint8Array(40).fill(1))
  t.equal(new Set(channels).size, 4)
  t.equal(scripted.connections(), 1)
})

test('an OPEN that is not answered is made again on another connection', async (t) => {
  const scripted = await startScripted(t, (socket, count) => {
    scriptOpens(socket, (channel) => {
      if (count < 3) return
      socket.send(Buffer.concat([Buffer.of(0x82), channel]))
      socket.send(Buffer.concat([Buffer.of(0x84), channel]))
    })
  })
  const options = { ...receiving(scripted.url), mailbox: createMailbox(), timeoutMs: 200, untilDrained: true }
  t.same(await receive(options).next(), { done: true, value: undefined })
  t.equal(scripted.connections(), 3)
})

test('the signal ends the iteration while HELLO or OPENED is waited for', async (t) => {
  const answers: [string, (socket: WebSocket, said: () => void) => void][] = [
    ['HELLO', (_socket, said) => said()],
    ['OPENED', (socket, said) => scriptOpens(socket, said)],
  ]
  for (const [what, answer] of answers) {
    let said = false
    let closed = false
    const scripted = await startScripted(t, (socket) => {
      socket.on('close', () => {
        closed = true
      })
      answer(socket, () => {
        said = true
      })
    })
    const ending = new AbortController()
    const next = receive({ ...receiving(scripted.url), mailbox: createMailbox(), signal: ending.signal }).next()
    await eventually(() => said)
    ending.abort()
    t.same(await next, { done: true, value: undefined }, what)
    await eventually(() => closed)
    t.equal(scripted.connections(), 1, what)
  }
})

test('[protocol §6] close codes that only a mistake on this side can cause end it, all others do not', async (t) => {
  for (const [code, expected] of [
    [4400, 'ERR_MALFORMED'],
    [1009, 'ERR_TOO_LARGE'],
  ] as const) {
    const scripted = await startScripted(t, (socket) => socket.close(code))
    const envelopes = receive({ ...receiving(scripted.url), mailbox: createMailbox() })
    await t.rejects(envelopes.next(), { name: 'RelayError', code: expected })
    t.equal(scripted.connections(), 1, expected)
  }
  const codes = [1000, 1001, 1011, 4403, 4408, 4410, 4429, 4503, 4999]
  const scripted = await startScripted(t, (socket, count) => {
    const code = codes[count - 1]
    if (code !== undefined) return socket.close(code)
    scriptOpens(socket, (channel) => {
      socket.send(Buffer.concat([Buffer.of(0x82), channel]))
      socket.send(Buffer.concat([Buffer.of(0x84), channel]))
    })
  })
  const seen: number[] = []
  const options = { ...receiving(scripted.url), mailbox: createMailbox(), untilDrained: true }
  const step = await receive({ ...options, onDisconnect: ({ closeCode }) => seen.push(closeCode) }).next()
  t.same(step, { done: true, value: undefined })
  t.same(seen, codes)
})

test('what does not speak the protocol is named, and left', async (t) => {
  const strange: [string, Buffer | string][] = [
    ['text', 'hello'],
    ['an unknown frame', Buffer.of(0x77, 0, 0)],
    ['an empty frame', Buffer.alloc(0)],
    ['a short HELLO', HELLO.subarray(0, 32)],
    ['a long HELLO', Buffer.concat([HELLO, Buffer.of(0)])],
  ]
  for (const [what, frame] of strange) {
    const scripted = await startScripted(t, (socket) => socket.send(frame))
    const envelopes = receive({ ...receiving(scripted.url), mailbox: createMailbox() })
    await t.rejects(envelopes.next(), { name: 'UnexpectedAnswerError', code: 'ERR_UNEXPECTED_ANSWER' }, what)
    t.equal(scripted.connections(), 1, what)
  }
  const twice = await startScripted(t, (socket) => {
    socket.send(HELLO)
    socket.send(HELLO)
  })
  const envelopes = receive({ ...receiving(twice.url), mailbox: createMailbox() })
  await t.rejects(envelopes.next(), { code: 'ERR_UNEXPECTED_ANSWER' }, 'HELLO twice')
})

test('[protocol §6] an error that will not pass ends the iteration with its code', async (t) => {
  for (const [number, code] of [
    [5, 'ERR_SIGNATURE'],
    [12, 'ERR_TOO_MANY_CHANNELS'],
    [16, 'ERR_INTERNAL'],
    [200, 'ERR_UNEXPECTED_ANSWER'],
  ] as const) {
    const scripted = await startScripted(t, (socket) => {
      scriptOpens(socket, (channel) => socket.send(Buffer.concat([Buffer.of(0x8f), channel, Buffer.of(0, number)])))
    })
    const envelopes = receive({ ...receiving(scripted.url), mailbox: createMailbox() })
    await t.rejects(envelopes.next(), { code }, code)
    t.equal(scripted.connections(), 1, code)
  }
})

test('frames for a channel that was left do no harm, and one opened too late is closed', async (t) => {
  const closed: number[] = []
  let late: (() => void) | undefined
  const scripted = await startScripted(t, (socket) => {
    scriptOpens(socket, (channel, count) => {
      const copy = Buffer.from(channel)
      const answer = () => socket.send(Buffer.concat([Buffer.of(0x82), copy]))
      if (count === 1) return answer()
      late = () => {
        socket.send(Buffer.concat([Buffer.of(0x83), copy, Buffer.alloc(16, 1), Buffer.alloc(40)]))
        socket.send(Buffer.concat([Buffer.of(0x84), copy]))
        answer()
      }
    })
    socket.on('message', (frame: Buffer) => {
      if (frame[0] === 0x03) closed.push(frame.readUInt16BE(1))
    })
  })
  const connection = connectMailboxes({ relay: scripted.url, WebSocket, retry: FAST })
  t.teardown(() => connection.close())
  void connection.receive(createMailbox()).next()
  const second = connection.receive(createMailbox())
  void second.next()
  await eventually(() => late !== undefined)
  await second.return?.()
  await eventually(() => closed.length === 1)
  late?.()
  await eventually(() => closed.length === 2)
  t.equal(closed[0], closed[1])
  t.equal(scripted.connections(), 1)
})
