import type { FastifyRequest } from 'fastify'
import type { ErrorCode } from '../protocol/errors.ts'
import { SUBPROTOCOL } from '../protocol/subprotocol.ts'

/** The only version there is. [RFC6455-4.1] */
export const WEBSOCKET_VERSION = '13'

// 16 bytes in base64; `ws` wants the same.
const KEY = /^[+/0-9A-Za-z]{22}==$/
const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/

/**
 * Why a request to change the protocol is refused. `ws` would answer in its own words what it refuses.
 * @param paths where there are sockets
 * @returns undefined for a handshake that is in order and offers `lethe.v1` [protocol §5]
 */
export function handshakeProblem(request: FastifyRequest, paths: ReadonlySet<string>): ErrorCode | undefined {
  const { method, headers, raw, routeOptions } = request
  const isWebSocket =
    method === 'GET' &&
    raw.httpVersion === '1.1' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    KEY.test(headers['sec-websocket-key'] ?? '') &&
    headers['sec-websocket-version'] === WEBSOCKET_VERSION
  if (!isWebSocket) return 'ERR_MALFORMED'
  if (routeOptions.url === undefined || !paths.has(routeOptions.url)) return 'ERR_NOT_FOUND'
  return offersSubprotocol(headers['sec-websocket-protocol'] ?? '') ? undefined : 'ERR_MALFORMED'
}

/** [RFC6455-4.1] names are tokens, none of them twice */
function offersSubprotocol(header: string): boolean {
  const names = header.split(',').map((name) => name.trim())
  const isList = names.every((name) => TOKEN.test(name)) && new Set(names).size === names.length
  return isList && names.includes(SUBPROTOCOL)
}
