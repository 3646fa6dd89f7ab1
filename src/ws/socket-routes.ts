import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import type { Depositor } from '../mailbox/deposit.ts'
import { DepositConnection } from '../mailbox/deposit-connection.ts'
import { MailboxConnection, type MailboxConnectionParts } from '../mailbox/mailbox-connection.ts'
import { CLOSE, LetheError } from '../protocol/errors.ts'
import { SUBPROTOCOL } from '../protocol/subprotocol.ts'
import { Heartbeat } from './heartbeat.ts'
import { Outgoing } from './outgoing.ts'

export type Endpoint = 'deposit' | 'mailbox'

export interface SocketRoutesParts extends MailboxConnectionParts {
  depositor: Depositor
  /** Bytes that may wait for a slow reader. */
  socketBufferBytes: number
  /** Told when a socket opens (1) and when it is gone (-1). */
  countSocket(endpoint: Endpoint, change: 1 | -1): void
}

interface Connection {
  receive(frame: Uint8Array): void
  drain(): void
  end(): void
}

/** The two WebSocket endpoints, apart on purpose: a connection that has proved a mailbox never sends. [protocol §4, §5] */
export class SocketRoutes {
  readonly #parts: SocketRoutesParts
  readonly #heartbeat = new Heartbeat()
  readonly #connections = new Set<Connection>()

  constructor(app: FastifyInstance, parts: SocketRoutesParts) {
    this.#parts = parts
    this.#add(app, 'deposit', 'GET, POST, OPTIONS', (socket, request) => this.#deposit(socket, request))
    this.#add(app, 'mailbox', 'GET, OPTIONS', (socket, request) => this.#mailbox(socket, request))
  }

  /** Sends every connection elsewhere, senders after what they have sent is answered. */
  drain(): void {
    for (const connection of this.#connections) connection.drain()
  }

  stop(): void {
    this.#heartbeat.stop()
  }

  #add(
    app: FastifyInstance,
    endpoint: Endpoint,
    allow: string,
    connect: (socket: WebSocket, request: FastifyRequest) => { connection: Connection; outgoing: Outgoing },
  ): void {
    app.route({
      method: 'GET',
      url: `/v1/${endpoint}`,
      preValidation: (request, _reply, done) => done(refusal(request)),
      handler: (_request, reply: FastifyReply) => {
        reply.header('allow', allow)
        throw new LetheError('ERR_METHOD')
      },
      wsHandler: (socket, request) => {
        const { connection, outgoing } = connect(socket, request)
        this.#serve(endpoint, socket, connection, outgoing)
      },
    })
  }

  #deposit(socket: WebSocket, request: FastifyRequest) {
    const { depositor, policy, clock, socketBufferBytes } = this.#parts
    const outgoing = new Outgoing(socket, request.socket, clock, socketBufferBytes, () => {})
    const connection = new DepositConnection(depositor, policy.envelopeBytes, {
      send: (frame) => outgoing.send(frame),
      close: (code) => outgoing.close(code),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    })
    return { connection, outgoing }
  }

  #mailbox(socket: WebSocket, request: FastifyRequest) {
    const { clock, socketBufferBytes } = this.#parts
    const outgoing = new Outgoing(socket, request.socket, clock, socketBufferBytes, () => connection.roomAgain())
    const connection = new MailboxConnection(this.#parts, outgoing)
    return { connection, outgoing }
  }

  #serve(endpoint: Endpoint, socket: WebSocket, connection: Connection, outgoing: Outgoing): void {
    // The plugin's own listener would keep the request, headers and all, for as long as the socket lives.
    socket.removeAllListeners('error')
    socket.on('error', () => socket.terminate())
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (outgoing.cutOffIfOverfull()) return
      if (isBinary) connection.receive(data as Buffer)
      else refuseText(connection, outgoing)
    })
    socket.on('ping', () => outgoing.cutOffIfOverfull())
    socket.on('close', () => {
      this.#connections.delete(connection)
      connection.end()
      this.#parts.countSocket(endpoint, -1)
    })
    this.#connections.add(connection)
    this.#heartbeat.add(socket)
    this.#parts.countSocket(endpoint, 1)
  }
}

function refuseText(connection: Connection, outgoing: Outgoing): void {
  connection.end()
  outgoing.close(CLOSE.malformed)
}

function refusal(request: FastifyRequest): LetheError | undefined {
  if (!request.ws) return undefined
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  return offered.includes(SUBPROTOCOL) ? undefined : new LetheError('ERR_MALFORMED')
}
