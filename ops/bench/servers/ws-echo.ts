import { createHash, randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

/**
 * The least that a relay on `ws` has to do: it takes the frames of this protocol, accepts, pushes and takes the
 * acknowledgements, and checks, stores and forgets nothing. `/idle` is a socket on which nothing happens.
 */
const DEPOSIT_HEADER_BYTES = 41
const ENVELOPE_HEADER_BYTES = 19
const ADDRESS_LABEL = Buffer.from('lethe/v1 address\0')
const OPENED = Buffer.from([0x82, 0, 1])
const DRAINED = Buffer.from([0x84, 0, 1])
const waiting = process.argv[2] === '--one-waits' ? waitingEnvelope() : undefined

/** Sockets of open mailboxes, by the beginning of their address. */
const mailboxes = new Map<number, WebSocket>()

function waitingEnvelope(): Buffer {
  const frame = Buffer.alloc(ENVELOPE_HEADER_BYTES + 4_000)
  frame.writeUIntBE(0x830001, 0, 3)
  return frame
}

function serveDeposits(socket: WebSocket): void {
  socket.on('message', (frame: Buffer) => {
    const accepted = Buffer.allocUnsafe(5)
    accepted[0] = 0x81
    frame.copy(accepted, 1, 1, 5)
    socket.send(accepted)
    const mailbox = mailboxes.get(frame.readUInt32BE(9))
    if (!mailbox) return
    // What was received is sent on where it lies, with another header.
    const start = DEPOSIT_HEADER_BYTES - ENVELOPE_HEADER_BYTES
    frame.writeUIntBE(0x830001, start, 3)
    mailbox.send(frame.subarray(start))
  })
}

function serveMailbox(socket: WebSocket): void {
  let name = 0
  socket.on('message', (frame: Buffer) => {
    if (frame[0] !== 0x01) return
    name = createHash('sha256').update(ADDRESS_LABEL).update(frame.subarray(3, 35)).digest().readUInt32BE()
    mailboxes.set(name, socket)
    socket.send(OPENED)
    if (waiting) socket.send(waiting)
    socket.send(DRAINED)
  })
  socket.on('close', () => mailboxes.get(name) === socket && mailboxes.delete(name))
  socket.send(Buffer.concat([Buffer.from([0x81]), randomBytes(32)]))
}

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: false,
  handleProtocols: () => 'lethe.v1',
})
server.on('connection', (socket, request) => {
  socket.on('error', () => socket.terminate())
  if (request.url === '/v1/deposit') serveDeposits(socket)
  else if (request.url === '/v1/mailbox') serveMailbox(socket)
  else socket.on('message', () => {})
})
server.on('listening', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
