import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Admission, Allowance } from '../mailbox/admission.ts'
import { StaleError } from '../mailbox/signed-mailbox.ts'
import { type ErrorCode, LetheError } from '../protocol/errors.ts'
import { readBody } from './body.ts'
import { limitConnections } from './connection-slots.ts'
import { allowanceOf, limitRequests } from './limits.ts'
import { COMMON_HEADERS, rawProblem, sendProblem } from './problems.ts'

export interface HttpServerOptions {
  /** Certificate and key in PEM; without them plain HTTP. */
  readonly tls?: { cert: string; key: string } | undefined
  readonly maxConnections: number
  readonly admission: Admission
  /** Whether requests are to be sent elsewhere. */
  isDraining(): boolean
  /** A connection was ended, since there were `maxConnections`. */
  onConnectionRefused(): void
  /** Told of what nobody foresaw. The error may hold anything and must not be kept. */
  onInternalError(error: unknown): void
}

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const TIMEOUT_CHECK_MS = 1_000
const KEEP_ALIVE_MS = 65_000
/** Nothing comes and nothing goes: longer than a fetch may wait, and the end for those who never read their answer. */
const SILENCE_MS = 45_000
const CLOSE_GRACE_MS = 3_000
const MAX_DISCARDED_BYTES = 16_000_000

/** Fastify's and Node's own errors that a request can cause, as errors of the registry. */
const CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'ERR_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_TYPE: 'ERR_MEDIA_TYPE',
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: 'ERR_MEDIA_TYPE',
  FST_ERR_CTP_BODY_TOO_LARGE: 'ERR_TOO_LARGE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'ERR_MALFORMED',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'ERR_MALFORMED',
  FST_ERR_BAD_URL: 'ERR_NOT_FOUND',
  FST_ERR_ASYNC_CONSTRAINT: 'ERR_NOT_FOUND',
  ECONNRESET: 'ERR_MALFORMED',
}

/**
 * A server that answers every failure with an error of the registry and writes no log of its own: Fastify's names URLs,
 * hosts and peers. [protocol §6]
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const app = Fastify(serverOptions(options))
  limitConnections(app.server, options.maxConnections, () => options.onConnectionRefused())
  app.server.headersTimeout = HEADERS_TIMEOUT_MS
  // Node answers an expectation that it does not know with a 417 of its own; it may as well be ignored. [RFC9110-10.1.1]
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    app.server.emit('request', request, response)
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/octet-stream', readBody)
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(COMMON_HEADERS)
    if (options.isDraining()) return done(new LetheError('ERR_DRAINING'))
    done(hasValidHost(request.raw) ? undefined : new LetheError('ERR_MALFORMED'))
  })
  limitRequests(app, options.admission, options.tls !== undefined)
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (options.isDraining()) reply.header('connection', 'close')
    done()
  })
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    if (!request.raw.complete && (await discardRest(request.raw, allowanceOf(request))))
      reply.removeHeader('connection')
    if (error instanceof StaleError) reply.header('date', new Date(error.nowSeconds * 1000).toUTCString())
    // Who sends signatures that do not verify has to connect again for each, as on a socket after three.
    if (error instanceof LetheError && error.code === 'ERR_SIGNATURE') reply.header('connection', 'close')
    if (error instanceof LetheError) return sendProblem(reply, error.code)
    return sendProblem(reply, codeOf(error, options))
  })
  answerUnknownRoutes(app)
  return app
}

function serverOptions({ tls, onInternalError }: HttpServerOptions): FastifyServerOptions {
  // Node's own answer to a missing Host is none of the registry's: it is looked for in a hook.
  const node = { connectionsCheckingInterval: TIMEOUT_CHECK_MS, requireHostHeader: false }
  const options: FastifyServerOptions = {
    logger: false,
    exposeHeadRoutes: false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: SILENCE_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => {
      reply.headers(COMMON_HEADERS)
      return sendProblem(reply as never, codeOf(error, { onInternalError }))
    },
    clientErrorHandler: answerBrokenRequest,
  }
  const https = { ...node, ...tls, handshakeTimeout: HEADERS_TIMEOUT_MS }
  return { ...options, ...(tls === undefined ? { http: node } : { https }) } as FastifyServerOptions
}

/** What no list here foresees is the client's doing if Fastify says so, and otherwise an internal error. */
function codeOf(error: FastifyError, { onInternalError }: Pick<HttpServerOptions, 'onInternalError'>): ErrorCode {
  const code = CODES[error.code]
  if (code !== undefined) return code
  if (error.statusCode !== undefined && error.statusCode < 500) return 'ERR_MALFORMED'
  onInternalError(error)
  return 'ERR_INTERNAL'
}

/** Exactly one Host, which HTTP/1.0 may leave out. [RFC9112-3.2] */
function hasValidHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === 'host') hosts++
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0')
}

// A client that is still sending takes a connection that closes for a failed one and never reads the answer. So the rest
// of a body is read and thrown away first, up to a bound. Resolves to whether it was all read.
function discardRest(request: IncomingMessage, allowance: Allowance): Promise<boolean> {
  let left = MAX_DISCARDED_BYTES
  const isAnnounced = request.headers['content-length'] !== undefined
  if (Number(request.headers['content-length'] ?? 0) > left) return Promise.resolve(false)
  return new Promise((resolve) => {
    request.on('end', () => resolve(true))
    request.on('close', () => resolve(false))
    request.on('error', () => resolve(false))
    request.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (!isAnnounced) allowance.charge(chunk.length)
      if (left < 0) resolve(false)
    })
  })
}

// What Node could not parse, or what did not arrive in time. The error holds the bytes that came: it is not looked at
// beyond its code.
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  socket.end(isTooLarge ? rawProblem('ERR_TOO_LARGE', 'Payload Too Large') : rawProblem('ERR_MALFORMED', 'Bad Request'))
  // Not a timeout of the socket's, which every further byte would put off.
  const cutOff = setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref()
  socket.once('close', () => clearTimeout(cutOff))
}

function answerUnknownRoutes(app: FastifyInstance): void {
  const methods = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ method, url }) => {
    const known = methods.get(url) ?? new Set()
    for (const name of [method].flat()) known.add(name)
    methods.set(url, known)
  })
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.raw.url?.split('?', 1) ?? []
    const known = methods.get(path)
    if (known === undefined) return sendProblem(reply, 'ERR_NOT_FOUND')
    const allowed = [...known, 'OPTIONS'].join(', ')
    if (request.method !== 'OPTIONS') return sendProblem(reply.header('allow', allowed), 'ERR_METHOD')
    return reply
      .code(204)
      .headers({
        'access-control-allow-methods': allowed,
        'access-control-allow-headers': 'Content-Type, TTL, Authorization',
        'access-control-max-age': '86400',
      })
      .send()
  })
}
