import { BlockList, isIP } from 'node:net'
import { InvalidValueError, parseHost, toLowerCaseAscii } from './values.ts'

const MAX_ORIGINS = 4
const ORIGIN = /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?\/?$/
const DEFAULT_PORT = { http: '80', https: '443' } as const

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/**
 * Origins separated by commas, at most four, in the form that signatures cover: lower case, default port left out, no
 * trailing slash. Empty text is none. [protocol §5]
 * @throws InvalidValueError
 */
export function parseOrigins(text: string): readonly string[] {
  if (text === '') return []
  const origins = text.split(',').map((item) => parseOrigin(item.trim()))
  if (origins.length > MAX_ORIGINS) throw new InvalidValueError('lists more than four origins')
  if (new Set(origins).size < origins.length) throw new InvalidValueError('lists an origin twice')
  return origins
}

/** The origins of a relay that listens on loopback and was given none. [protocol §5] */
export function loopbackOrigins(port: number, tls: boolean): string[] {
  const scheme = tls ? 'https' : 'http'
  const suffix = String(port) === DEFAULT_PORT[scheme] ? '' : `:${port}`
  return ['localhost', '127.0.0.1', '[::1]'].map((host) => `${scheme}://${host}${suffix}`)
}

/** Whether listening on this host (as `parseHost` gives it) is reachable from this machine only. */
export function isLoopbackHost(host: string): boolean {
  const family = isIP(host)
  return family === 0 ? host === 'localhost' : LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

function parseOrigin(text: string): string {
  const [, scheme, host, port] = ORIGIN.exec(toLowerCaseAscii(text)) ?? []
  if (scheme === undefined || host === undefined) throw new InvalidValueError('lists what is not an origin')
  const suffix = port === undefined || port === DEFAULT_PORT[scheme as 'http' | 'https'] ? '' : `:${port}`
  const origin = `${scheme}://${host}${suffix}`
  if (!host.startsWith('[')) parseHost(host)
  // Whatever browsers would write differently, such as 127.1 or [0::1], would never verify.
  if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
    throw new InvalidValueError('lists an origin that is not in the form browsers use')
  }
  return origin
}
