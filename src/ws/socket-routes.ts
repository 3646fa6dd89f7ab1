import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { RawData, WebSocket } from 'ws'
import { type Admission, type Allowance, COST_BYTES } from '../mailbox/admission.ts'
import type { Depositor } from '../mailbox/deposit.ts'
import { DepositConnection } from '../mailbox/deposit-connection.ts'
import { MailboxConnection, type MailboxConnectionParts } from '../mailbox/mailbox-connection.ts'
import { CLOSE, type CloseCode, LetheError } from '../protocol/errors.ts'
import { handshakeProblem, WEBSOCKET_VERSION } from './handshake.ts'
import { Heartbeat } from './heartbeat.ts'
import { Incoming } from './incoming.ts'
import { Outgoing } from './outgoing.ts'
import type { OutgoingBudget } from './outgoing-budget.ts'

export type Endpoint = 'deposit' | 'mailbox'

/** How a socket ended: by the relay's close code, by a close frame of the client, or without any. */
export type SocketEnd = `${CloseCode}` | '1002' | 'client' | 'lost'

export interface SocketRoutesParts extends MailboxConnectionParts {
  depositor: Depositor
  admission: Admission
  /** Longest message. */
  maxFrameBytes: number
  /** Bytes that may wait for a slow reader. */
  socketBufferBytes: number
  /** What may wait on all sockets together. */
  outgoingBudget: OutgoingBudget
  /** Told when a socket opens (1) and when it is gone (-1). */
  countSocket(endpoint: Endpoint, change: 1 | -1): void
  countClose(end: SocketEnd): void
}

/** What `ws` gives as the code where no close frame came. */
const NO_CLOSE_FRAME = 1006

interface Connection {
  receive(frame: Uint8Array): void
  drain(): void
  end(): void
}

/** One socket's two sides: what it says, and what goes out on it. */
interface Served {
  readonly connection: Connection
  readonly outgoing: Outgoing
}

/** The two WebSocket endpoints, apart on purpose: a connection that has proved a mailbox never sends. [protocol §4, §5] */
export class SocketRoutes {
  readonly #parts: SocketRoutesParts
  readonly #heartbeat = new Heartbeat()
  readonly #connections = new Set<Connection>()
  readonly #paths = new Set<string>()

  constructor(app: FastifyInstance, parts: SocketRoutesParts) {
    this.#parts = parts
    app.addHook('onRequest', (request, reply, done) => {
      const code = request.ws ? handshakeProblem(request, this.#paths) : undefined
      if (code === undefined) return done()
      reply.headers({ connection: 'close', 'sec-websocket-version': WEBSOCKET_VERSION })
      done(new LetheError(code))
    })
    this.#add(app, 'deposit', 'GET, POST, OPTIONS', (...sides) => this.#deposit(...sides))
    this.#add(app, 'mailbox', 'GET, OPTIONS', (...sides) => this.#mailbox(...sides))
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
    connect: (socket: WebSocket, transport: Socket, allowance: Allowance) => Served,
  ): void {
    const url = `/v1/${endpoint}`
    this.#paths.add(url)
    app.route({
      method: 'GET',
      url,
      // The plugin gives the transport a response that is never sent. It would keep the request, headers and all, for as
      // long as the socket lives.
      preHandler: (request, reply, done) => {
        if (request.ws) reply.raw.detachSocket(request.raw.socket)
        done()
      },
      handler: (_request, reply: FastifyReply) => {
        reply.header('allow', allow)
        throw new LetheError('ERR_METHOD')
      },
      wsHandler: (socket, request) => {
        const forwardedFor = [request.headers['x-forwarded-for'] ?? []].flat().join(',')
        const allowance = this.#parts.admission.allowanceOf(request.socket, forwardedFor)
        this.#serve(endpoint, socket, request.socket, allowance, connect(socket, request.socket, allowance))
      },
    })
  }

  #deposit(socket: WebSocket, transport: Socket, allowance: Allowance) {
    const { depositor, policy } = this.#parts
    const outgoing = this.#outgoing(socket, transport, () => {})
    const sender = {
      send: (frame: Uint8Array) => outgoing.send(frame),
      close: (code: CloseCode) => outgoing.close(code),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    }
    return { connection: new DepositConnection(depositor, policy.envelopeBytes, sender, allowance), outgoing }
  }

  #mailbox(socket: WebSocket, transport: Socket, allowance: Allowance) {
    const outgoing = this.#outgoing(socket, transport, () => connection.roomAgain())
    const connection = new MailboxConnection(this.#parts, outgoing, allowance)
    return { connection, outgoing }
  }

  #outgoing(socket: WebSocket, transport: Socket, onRoom: () => void): Outgoing {
    const { clock, socketBufferBytes, outgoingBudget } = this.#parts
    return new Outgoing(socket, transport, clock, { limitBytes: socketBufferBytes, budget: outgoingBudget }, onRoom)
  }

  #serve(
    endpoint: Endpoint,
    socket: WebSocket,
    transport: Socket,
    allowance: Allowance,
    { connection, outgoing }: Served,
  ): void {
    // The plugin's own listener would keep the request, headers and all, for as long as the socket lives.
    socket.removeAllListeners('error')
    let failure: SocketEnd | undefined
    socket.on('error', (error: Error & { code?: string }) => {
      failure ??= failureOf(error.code)
      socket.terminate()
    })
    const receive = (message: Buffer) => {
      if (!outgoing.cutOffIfOverfull()) connection.receive(message)
    }
    new Incoming(transport, this.#parts.maxFrameBytes, receive)
    // What was sent in fragments, or as text.
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) receive(data as Buffer)
      else if (!outgoing.cutOffIfOverfull()) refuseText(connection, outgoing)
    })
    const ping = () => {
      if (outgoing.cutOffIfOverfull() || allowance.ask(COST_BYTES.frame) !== 'ended') return
      connection.end()
      outgoing.close(CLOSE.rateLimited)
    }
    socket.on('ping', ping)
    socket.on('pong', ping)
    socket.on('close', (code: number) => {
      this.#connections.delete(connection)
      connection.end()
      outgoing.end()
      this.#parts.countSocket(endpoint, -1)
      this.#parts.countClose(endOf(outgoing.closedWith, failure, code))
    })
    this.#connections.add(connection)
    this.#heartbeat.add(socket)
    this.#parts.countSocket(endpoint, 1)
  }
}

/** What `ws` has closed a socket with by itself, on account of what the client sent. */
function failureOf(code = ''): SocketEnd | undefined {
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return `${CLOSE.tooLarge}`
  return code.startsWith('WS_ERR_') ? '1002' : undefined
}

function endOf(closedWith: CloseCode | undefined, failure: SocketEnd | undefined, code: number): SocketEnd {
  if (closedWith !== undefined) return `${closedWith}`
  return failure ?? (code === NO_CLOSE_FRAME ? 'lost' : 'client')
}

function refuseText(connection: Connection, outgoing: Outgoing): void {
  connection.end()
  outgoing.close(CLOSE.malformed)
}
