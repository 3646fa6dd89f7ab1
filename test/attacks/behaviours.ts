import { randomBytes } from 'node:crypto'
import { createMailbox, depositFrame, fetchBody, openFrame, openSignature, range } from '../conformance/client.ts'
import { clientFrame, OPCODE } from '../integration/raw-websocket.ts'
import { afterHandshake, type Behaviour, flood } from './bots.ts'

const HOST = 'Host: relay\r\n'
const OCTETS = 'Content-Type: application/octet-stream\r\n'
const DRIP_MS = 1_000
const DRIP_BYTES = 4_000
const PINGS_A_PIECE = 2_000
const IN_FLIGHT = 64

function handshake(path: '/v1/deposit' | '/v1/mailbox'): string {
  return (
    `GET ${path} HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: lethe.v1\r\n\r\n'
  )
}

/** Begins, and then sends a byte a second for ever. */
function dripping(start: string | Buffer, drip: string): Behaviour {
  return (socket) => {
    socket.write(start)
    let at = 0
    const timer = setInterval(() => socket.write(drip[at++ % drip.length] as string), DRIP_MS)
    socket.once('close', () => clearInterval(timer))
    return undefined
  }
}

/** Does nothing for half of the connections, and begins a request on the others. */
const halfOpen: Behaviour = (socket) => {
  if (socket.localPort !== undefined && socket.localPort % 2 === 0) socket.write('GET /v1/info HTTP/1.1\r\nHost:')
  return undefined
}

function floodOf(frame: Buffer, what: string): Behaviour {
  const piece = Buffer.concat(Array(PINGS_A_PIECE).fill(frame))
  return (socket, count) => {
    socket.write(handshake('/v1/deposit'))
    return afterHandshake(() => flood(socket, piece, () => count(what, PINGS_A_PIECE)))
  }
}

const signature = randomBytes(64)

/** As many failing OPENs on a socket as it bears. */
const badOpens: Behaviour = (socket, count) => {
  const opens = range(0, 3).map((channel) => clientFrame(openFrame(channel, createMailbox().publicKey, signature)))
  socket.write(handshake('/v1/mailbox'))
  return afterHandshake(() => {
    count('signatures', opens.length)
    socket.write(Buffer.concat(opens))
  })
}

/** One request with a bad signature after the other. */
const badFetches: Behaviour = (socket, count) => {
  const mailbox = { ...createMailbox(), sign: () => signature }
  const ask = () => {
    const body = fetchBody(mailbox, 'http://relay')
    socket.write(`POST /v1/mailbox/fetch HTTP/1.1\r\n${HOST}${OCTETS}Content-Length: ${body.length}\r\n\r\n`)
    socket.write(body)
    count('signatures')
  }
  ask()
  return (chunk) => {
    count(`answered ${chunk.toString('latin1', 9, 12)}`)
    ask()
  }
}

/** Deposits as fast as they are answered. */
function depositing(addressOf: () => Buffer): Behaviour {
  const envelope = randomBytes(4_000)
  return (socket, count) => {
    let ref = 0
    const deposit = () => {
      const frame = depositFrame({ ref: ref++ & 0xffff, ttl: 86_400, address: addressOf(), envelope })
      count('deposits')
      socket.write(clientFrame(frame))
    }
    let rest = Buffer.alloc(0)
    const onAnswers = (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 2 && rest.length >= 2 + (rest[1] as number)) {
        const payload = rest.subarray(2, 2 + (rest[1] as number))
        rest = rest.subarray(2 + payload.length)
        count(payload[0] === 0x81 ? 'accepted' : payload[0] === 0x8f ? `error ${payload.readUInt16BE(5)}` : 'other')
        deposit()
      }
    }
    socket.write(handshake('/v1/deposit'))
    return afterHandshake(() => range(0, IN_FLIGHT).forEach(deposit), onAnswers)
  }
}

const BACKLOG = 32
const SIP_EVERY_MS = 5_000

/** Fills a mailbox of its own, opens it, and then takes a piece of it now and then. */
const slowReader: Behaviour = (socket, count) => {
  const mailbox = createMailbox()
  const body = Buffer.concat([mailbox.address, randomBytes(4_000)])
  const deposit = Buffer.concat([Buffer.from(`${POST}Content-Length: ${body.length}\r\n\r\n`), body])
  socket.write(Buffer.concat(Array(BACKLOG).fill(deposit)))
  let answers = ''
  let isFull = false
  const open = afterHandshake(
    () => undefined,
    (hello) => {
      const signature = openSignature(mailbox, `http://127.0.0.1:${socket.remotePort}`, hello.subarray(3, 35))
      socket.write(clientFrame(openFrame(1, mailbox.publicKey, signature)))
      count('slow')
      socket.pause()
      const timer = setInterval(() => socket.once('data', () => socket.pause()).resume(), SIP_EVERY_MS)
      socket.once('close', () => clearInterval(timer))
    },
  )
  return (chunk) => {
    if (isFull) return open(chunk)
    answers += chunk.toString('latin1')
    isFull = answers.split('HTTP/1.1 202 ').length > BACKLOG && answers.endsWith('\r\n\r\n')
    if (isFull) socket.write(handshake('/v1/mailbox'))
  }
}

/** Sends a frame but for its end, and of that a byte a second. */
const slowWriter: Behaviour = (socket, count) => {
  const frame = clientFrame(depositFrame({ ref: 0, ttl: 60, address: randomBytes(32), envelope: randomBytes(64_000) }))
  socket.write(handshake('/v1/deposit'))
  return afterHandshake(() => {
    count('slow')
    dripping(frame.subarray(0, -DRIP_BYTES), 'c')(socket, count)
  })
}

const oneAddress = randomBytes(32)
const POST = `POST /v1/deposit HTTP/1.1\r\n${HOST}${OCTETS}`

/** Everything that the suite attacks with. */
export const BEHAVIOURS = {
  'slow headers': dripping(`${POST}X-A: `, 'a'),
  'slow bodies': dripping(`${POST}Content-Length: 4032\r\n\r\n`, 'b'),
  'slow handshakes': dripping(handshake('/v1/mailbox').slice(0, -2), 'X'),
  'half-open': halfOpen,
  pings: floodOf(clientFrame(Buffer.alloc(0), OPCODE.ping), 'pings'),
  'long pings': floodOf(clientFrame(Buffer.alloc(125), OPCODE.ping), 'pings'),
  'bad OPENs': badOpens,
  'bad fetches': badFetches,
  'one mailbox': depositing(() => oneAddress),
  'every mailbox': depositing(() => randomBytes(32)),
  'slow readers': slowReader,
  'slow writers': slowWriter,
} as const satisfies Record<string, Behaviour>

export type BehaviourName = keyof typeof BEHAVIOURS
