import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Admission, type Allowance, COST_BYTES } from '../mailbox/admission.ts'
import { LetheError } from '../protocol/errors.ts'

const ALLOWANCE = 'allowance'

/** Charges connections, requests and answers to whoever asks, and refuses those who ask too much. [protocol §6: 429] */
export function limitRequests(app: FastifyInstance, admission: Admission, isTls: boolean): void {
  const connectionBytes = isTls ? COST_BYTES.tlsConnection : COST_BYTES.connection
  app.server.on('connection', (socket: Socket) => {
    if (!admission.connect(socket, connectionBytes)) socket.destroy()
  })
  app.decorateRequest(ALLOWANCE)
  app.addHook('onRequest', (request, reply, done) => {
    const allowance = admission.allowanceOf(request.raw.socket, forwardedFor(request.raw))
    request.setDecorator(ALLOWANCE, allowance)
    const verdict = allowance.ask(COST_BYTES.request + announcedBytes(request.raw))
    if (verdict === 'admitted') return done()
    if (verdict === 'ended') reply.header('connection', 'close')
    done(new LetheError('ERR_RATE_LIMITED'))
  })
  app.addHook('onSend', (request, _reply, payload, done) => {
    // None where Fastify itself refuses a request before any hook.
    const allowance = request.getDecorator<Allowance | undefined>(ALLOWANCE)
    if (Buffer.isBuffer(payload) || typeof payload === 'string') allowance?.charge(payload.length)
    done()
  })
}

/** Whom a request is charged to. */
export function allowanceOf(request: FastifyRequest): Allowance {
  return request.getDecorator<Allowance>(ALLOWANCE)
}

/** The header by which a proxy tells whom it was asked by; several are one list. */
export function forwardedFor({ headers }: IncomingMessage): string | undefined {
  const value = headers['x-forwarded-for']
  return Array.isArray(value) ? value.join(',') : value
}

/** Of a body of unknown length what has come is charged when it is read. */
function announcedBytes({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? 0) || 0
}
