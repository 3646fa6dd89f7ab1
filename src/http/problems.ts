import type { FastifyReply } from 'fastify'
import { ERRORS, type ErrorCode, RETRY_AFTER_SECONDS } from '../protocol/errors.ts'

export const PROBLEM_TYPE = 'application/problem+json'

/** On every answer: nothing is kept by anybody, any page may ask, and there is nothing here to frame or to guess. */
export const COMMON_HEADERS = {
  'cache-control': 'no-store',
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'TTL, Retry-After, WWW-Authenticate',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const

/** Body of each error, made once: nothing in it can depend on a request. [RFC9457] [protocol §6] */
const BODIES = Object.fromEntries(
  Object.entries(ERRORS).map(([code, { status, title }]) => [
    code,
    Buffer.from(JSON.stringify({ type: 'about:blank', title, status, code })),
  ]),
) as Record<ErrorCode, Buffer>

/** Answers with an error of the registry. */
export function sendProblem(reply: FastifyReply, code: ErrorCode): FastifyReply {
  const retryAfter = RETRY_AFTER_SECONDS[code]
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  return reply.code(ERRORS[code].status).type(PROBLEM_TYPE).send(BODIES[code])
}

/** The same answer as raw HTTP, for what does not even parse; the connection ends with it. */
export function rawProblem(code: ErrorCode, reason: string): string {
  const body = BODIES[code]
  const headers = {
    ...COMMON_HEADERS,
    'content-type': PROBLEM_TYPE,
    'content-length': body.length,
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${ERRORS[code].status} ${reason}`, ...lines, '', body.toString()].join('\r\n')
}
