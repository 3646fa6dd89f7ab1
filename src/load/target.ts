import { parseRelayUrl } from '../client/relay-url.ts'

/** Where a relay listens, and what its signatures are bound to. */
export interface Target {
  /** `https://relay.example` */
  readonly origin: string
  /** The origin that signatures cover: the URL's own where the relay knows it, else the relay's first. */
  readonly signedOrigin: string
  readonly host: string
  readonly port: number
  readonly isTls: boolean
  readonly ca?: string
}

/** @throws ClientError ERR_RELAY_URL */
export function targetOf(url: string, publicOrigins: readonly string[], ca?: string): Target {
  const { origin } = parseRelayUrl(url)
  const { protocol, hostname, port } = new URL(origin)
  const isTls = protocol === 'https:'
  return {
    origin,
    signedOrigin: publicOrigins.includes(origin) ? origin : (publicOrigins[0] ?? origin),
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (isTls ? 443 : 80) : Number(port),
    isTls,
    ...(ca !== undefined && { ca }),
  }
}
