import { sha256 } from '@noble/hashes/sha2.js'
import { ClientError } from './errors.ts'

/** Where a relay is, in the forms that requests, sockets and signatures need. */
export interface RelayUrl {
  /** Scheme, host and port in normal form, always http or https: `https://relay.example`. [protocol §5] */
  readonly origin: string
  /** The same for sockets: `wss://relay.example`. */
  readonly socketOrigin: string
}

const HTTP_SCHEMES: Readonly<Record<string, string>> = {
  'http:': 'http:',
  'https:': 'https:',
  'ws:': 'http:',
  'wss:': 'https:',
}

/**
 * Reads the URL of a relay: http, https, ws or wss, nothing after the port but one slash.
 * @throws ClientError ERR_RELAY_URL
 */
export function parseRelayUrl(relay: string | URL): RelayUrl {
  let url: URL
  try {
    url = new URL(relay)
  } catch {
    throw new ClientError('ERR_RELAY_URL')
  }
  const scheme = HTTP_SCHEMES[url.protocol]
  const extra = url.username + url.password + url.search + url.hash
  if (scheme === undefined || extra !== '' || url.pathname !== '/') throw new ClientError('ERR_RELAY_URL')
  const { origin } = new URL(`${scheme}//${url.host}`)
  return { origin, socketOrigin: origin.replace(/^http/, 'ws') }
}

/** SHA-256 of an origin's text, which every signature covers. [protocol §5] */
export function originHash(origin: string): Uint8Array {
  return sha256(new TextEncoder().encode(origin))
}
