import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** What is under way on a connection. */
interface Slot {
  /** Requests whose answer is not out yet. */
  answers: number
  /** Requests whose body has not come yet. */
  bodies: number
}

/** Of a WebSocket: it is never waited for. */
const UPGRADED: Slot = { answers: Number.POSITIVE_INFINITY, bodies: 0 }

/**
 * Bounds the connections of a server. Where there is no room for a new one, that one makes room which has kept the relay
 * waiting longest: for a handshake, for a request, for the rest of one. Whoever is owed an answer, and every WebSocket, is
 * left alone; if there is nobody else, the new one is refused. So whoever holds thousands of connections without asking
 * for anything keeps nobody out. Nothing is known of a connection but this.
 * @param onRefused told of every connection that was ended because there was no room
 */
export function limitConnections(server: Server, maxConnections: number, onRefused: () => void): void {
  const slots = new Map<Socket, Slot>()
  /** Those the relay waits for, longest first. */
  const waiting = new Set<Socket>()

  server.on('connection', (socket: Socket) => {
    if (slots.size >= maxConnections) {
      const [longest = socket] = waiting
      longest.destroy()
      onRefused()
      if (longest === socket) return
      release.call(longest)
    }
    slots.set(socket, { answers: 0, bodies: 0 })
    waiting.add(socket)
    socket.on('close', release)
  })
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const socket = transportOf(request.socket)
    const slot = slots.get(socket)
    if (slot === undefined) return
    waiting.delete(socket)
    slot.answers++
    response.once('close', () => {
      slot.answers--
      settle(socket, slot)
    })
    if (hasBody(request)) {
      slot.bodies++
      request.once('close', () => {
        slot.bodies--
        settle(socket, slot)
      })
    }
    settle(socket, slot)
  })
  server.prependListener('upgrade', (request: IncomingMessage) => {
    const socket = transportOf(request.socket)
    waiting.delete(socket)
    if (slots.has(socket)) slots.set(socket, UPGRADED)
  })

  function release(this: Socket): void {
    slots.delete(this)
    waiting.delete(this)
  }

  function settle(socket: Socket, slot: Slot): void {
    if (slots.get(socket) !== slot) return
    const isWaitedFor = slot.answers === 0 || slot.bodies > 0
    if (!isWaitedFor) waiting.delete(socket)
    else if (!waiting.has(socket)) waiting.add(socket)
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined
}

/** The connection under TLS, of which the server was told when it came. */
function transportOf(socket: Socket): Socket {
  return (socket as { _parent?: Socket })._parent ?? socket
}
