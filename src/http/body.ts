import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { LetheError } from '../protocol/errors.ts'
import { allowanceOf } from './limits.ts'

/**
 * Reads a body whole, as Fastify would, and overwrites the pieces in which it came: they hold addresses and envelopes.
 * The body itself is its receiver's to overwrite.
 * @param done told of the body, or of a LetheError ERR_TOO_LARGE or what made the request end before its body
 */
export function readBody(
  request: FastifyRequest,
  payload: IncomingMessage,
  done: (error: Error | null, body?: Buffer) => void,
): void {
  const limitBytes = request.routeOptions.bodyLimit ?? 0
  if (Number(request.headers['content-length']) > limitBytes) return done(new LetheError('ERR_TOO_LARGE'))
  const pieces: Buffer[] = []
  let bytes = 0
  const finish = (error: Error | null) => {
    payload.off('data', take).off('end', end).off('error', finish)
    const body = error === null ? Buffer.concat(pieces, bytes) : undefined
    for (const piece of pieces) piece.fill(0)
    if (request.headers['content-length'] === undefined) allowanceOf(request).charge(bytes)
    done(error, body)
  }
  const end = () => finish(null)
  const take = (piece: Buffer) => {
    pieces.push(piece)
    bytes += piece.length
    if (bytes > limitBytes) finish(new LetheError('ERR_TOO_LARGE'))
  }
  payload.on('data', take).on('end', end).on('error', finish)
}
