import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { ADDRESS_BYTES, addressPreimage, parseAddress } from '../protocol/address.ts'
import { parseBase64url, toBase64url } from '../protocol/bytes.ts'
import { openPreimage } from '../protocol/mailbox-frames.ts'
import { signedPreimage } from '../protocol/signed-requests.ts'
import { ClientError } from './errors.ts'
import { originHash } from './relay-url.ts'

const FORMAT = 'lethe mailbox'
const FORMAT_VERSION = 1
const SECRET_KEY_BYTES = 32

// Outside the object, so that printing, logging, cloning or serializing a mailbox cannot take the key along.
const secretKeys = new WeakMap<Mailbox, Uint8Array>()

/**
 * A mailbox: a key pair and the address made from it. It is registered nowhere and costs nothing; make one per contact
 * if you like. What is printed or serialized of it is the address only; `exportMailbox` gives the key. [protocol §1]
 */
export class Mailbox {
  /** 32 bytes that let anybody deposit here, and nothing else. */
  readonly address: Uint8Array
  /** The address as people and files pass it on: 43 characters of base64url. */
  readonly addressText: string
  /** Ed25519, 32 bytes. Shown to the relay when receiving. */
  readonly publicKey: Uint8Array

  constructor(secretKey: Uint8Array) {
    this.publicKey = ed25519.getPublicKey(secretKey)
    this.address = sha256(addressPreimage(this.publicKey))
    this.addressText = toBase64url(this.address)
    secretKeys.set(this, secretKey.slice())
    Object.freeze(this)
  }

  toJSON(): { address: string } {
    return { address: this.addressText }
  }
}

/** Makes a mailbox from the runtime's own randomness. Nothing is sent anywhere. */
export function createMailbox(): Mailbox {
  return new Mailbox(crypto.getRandomValues(new Uint8Array(SECRET_KEY_BYTES)))
}

/** The whole mailbox as one line of JSON, private key included: keep it as you would keep a password. */
export function exportMailbox(mailbox: Mailbox): string {
  const secretKey = toBase64url(secretKeyOf(mailbox))
  return JSON.stringify({ format: FORMAT, version: FORMAT_VERSION, address: mailbox.addressText, secretKey })
}

/**
 * The mailbox that `exportMailbox` wrote.
 * @throws ClientError ERR_MAILBOX_TEXT where the text is anything else, or its address does not belong to its key
 */
export function loadMailbox(text: string): Mailbox {
  try {
    const { format, version, address, secretKey } = JSON.parse(text)
    const key = parseBase64url(String(secretKey))
    if (format === FORMAT && version === FORMAT_VERSION && key.length === SECRET_KEY_BYTES) {
      const mailbox = new Mailbox(key)
      if (mailbox.addressText === address) return mailbox
    }
  } catch {
    // falls through: what was wrong with a text that may hold a key is nobody's to see
  }
  throw new ClientError('ERR_MAILBOX_TEXT')
}

/**
 * The 32 bytes of an address, given as bytes or as text.
 * @throws ClientError ERR_ADDRESS
 */
export function readAddress(address: Uint8Array | string): Uint8Array {
  try {
    const bytes = typeof address === 'string' ? parseAddress(address) : address
    if (bytes instanceof Uint8Array && bytes.length === ADDRESS_BYTES) return bytes
  } catch {
    // falls through
  }
  throw new ClientError('ERR_ADDRESS')
}

/** Signature of an OPEN: 64 bytes that hold for this origin and this connection's nonce only. [protocol §5] */
export function signOpen(mailbox: Mailbox, origin: string, nonce: Uint8Array): Uint8Array {
  return ed25519.sign(openPreimage(originHash(origin), nonce), secretKeyOf(mailbox))
}

/** Signature of a fetch or ack body: 64 bytes over everything before them. [protocol §5] */
export function signRequest(mailbox: Mailbox, kind: 'fetch' | 'ack', origin: string, covered: Uint8Array): Uint8Array {
  return ed25519.sign(signedPreimage(kind, originHash(origin), covered), secretKeyOf(mailbox))
}

function secretKeyOf(mailbox: Mailbox): Uint8Array {
  const secretKey = secretKeys.get(mailbox)
  if (secretKey === undefined) throw new ClientError('ERR_MAILBOX_TEXT')
  return secretKey
}
