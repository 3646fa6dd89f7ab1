import { hash, verify } from 'node:crypto'
import { addressPreimage } from '../protocol/address.ts'

// DER of a SubjectPublicKeyInfo for Ed25519, up to the 32 key bytes. [RFC8410-4]
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** `SHA-256("lethe/v1 address" ‖ 0 ‖ publicKey)` [protocol §1] */
export function addressOf(publicKey: Uint8Array): Buffer {
  const preimage = addressPreimage(publicKey)
  const address = hash('sha256', preimage, 'buffer')
  preimage.fill(0)
  return address
}

/** Checks signatures that name one of the relay's origins. [protocol §5] */
export class OriginProofs {
  #originHashes: readonly Buffer[] = []

  /** @param origins in their normal form, one to four; known only once the relay listens, if they name its port */
  accept(origins: readonly string[]): void {
    this.#originHashes = origins.map((origin) => hash('sha256', origin, 'buffer'))
  }

  /** Whether the signature is over `preimageOf(SHA-256(origin))` for any of the origins. Runs off the main thread. */
  async isSigned(
    publicKey: Uint8Array,
    signature: Uint8Array,
    preimageOf: (originHash: Uint8Array) => Uint8Array,
  ): Promise<boolean> {
    const der = Buffer.concat([SPKI_PREFIX, publicKey])
    // Not a KeyObject, which would keep the key in memory of OpenSSL's until it is collected, and let it lie there after.
    const key = { key: der, format: 'der', type: 'spki' } as const
    try {
      for (const originHash of this.#originHashes) {
        const preimage = preimageOf(originHash)
        const isValid = await new Promise<boolean>((resolve) => {
          verify(null, preimage, key, signature, (error, result) => resolve(error === null && result))
        })
        if (isValid) return true
      }
    } finally {
      der.fill(0)
    }
    return false
  }
}
