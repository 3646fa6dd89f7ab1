/** A beginning of this length is a hit. */
export const PREFIX_BYTES = 6
/** Bytes of U+FFFD. */
export const REPLACEMENT = new Set([0xef, 0xbf, 0xbd])

/** What reading the beginning of bytes as UTF-8 leaves of them; undefined where that is too little to tell it by. */
export function lossyForm(bytes: Buffer): Buffer | undefined {
  const form = Buffer.from(bytes.subarray(0, 256).toString('utf8'))
  return form.filter((byte) => !REPLACEMENT.has(byte)).length >= PREFIX_BYTES ? form : undefined
}

/** The four bytes of an IPv4 address. */
export function peerBytes(peer: string): Buffer {
  return Buffer.from(peer.split('.').map(Number))
}

/** As a server that also listens on IPv6 may write it. */
export function ipv6(peer: string): string {
  const hex = peerBytes(peer).toString('hex')
  return `::ffff:${hex.slice(0, 4)}:${hex.slice(4)}`
}
