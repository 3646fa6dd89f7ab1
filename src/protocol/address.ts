import { concatBytes, label, MalformedError, parseBase64url } from './bytes.ts'

export const PUBLIC_KEY_BYTES = 32
export const ADDRESS_BYTES = 32
export const SIGNATURE_BYTES = 64

const ADDRESS_LABEL = label('lethe/v1 address')

/** What is hashed with SHA-256 to make the address of a mailbox key. [protocol §1] */
export function addressPreimage(publicKey: Uint8Array): Uint8Array {
  return concatBytes(ADDRESS_LABEL, publicKey)
}

/** Address from its text form. @throws MalformedError unless it is base64url of exactly 32 bytes */
export function parseAddress(text: string): Uint8Array {
  const bytes = parseBase64url(text)
  if (bytes.length !== ADDRESS_BYTES) throw new MalformedError('not an address')
  return bytes
}
