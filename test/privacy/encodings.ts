import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { type Kind, TEXT_KINDS } from './canaries.ts'
import { ipv6, lossyForm, peerBytes } from './forms.ts'

interface Encoding {
  /** Undefined where too little would be left of these bytes. */
  encode(bytes: Buffer): Buffer | string | undefined
  /** Kinds that have no such form; without it all have it. */
  readonly lacks?: (kind: Kind) => boolean
}

/** Of an address like 127.1.2.3 neither the beginning nor a piece is told apart from others. */
const isPeer = (kind: Kind) => kind === 'peer'
const isBytes = (kind: Kind) => !TEXT_KINDS.has(kind)
const isText = (kind: Kind) => TEXT_KINDS.has(kind)

const reversed = (bytes: Buffer) => Buffer.from(bytes).reverse()
const prefix = (bytes: Buffer) => bytes.subarray(0, 6)
const numbers = (bytes: Buffer) => [...bytes].join(',')
const swapped = (bytes: Buffer) => Buffer.from(bytes.toString('latin1'), 'utf16le').swap16()

/** In the middle of other bytes, that many of them before it. */
function within(bytes: Buffer, before: number): Buffer {
  return Buffer.concat([randomBytes(before), bytes, randomBytes(4)])
}

function eachByte(bytes: Buffer, write: (hex: string) => string): string {
  return [...bytes].map((byte) => write(byte.toString(16).padStart(2, '0'))).join('')
}

/** Every form in which the scanner must find a canary. */
export const ENCODINGS: Readonly<Record<string, Encoding>> = {
  raw: { encode: (bytes) => bytes },
  'raw, 6 bytes of it': { encode: prefix, lacks: isPeer },
  'raw, 8 bytes from within': { encode: (bytes) => middle(bytes), lacks: isPeer },
  hex: { encode: (bytes) => bytes.toString('hex') },
  'hex, capitals': { encode: (bytes) => bytes.toString('hex').toUpperCase() },
  'hex, 6 bytes of it': { encode: (bytes) => prefix(bytes).toString('hex'), lacks: isPeer },
  'hex, shifted by a digit': { encode: (bytes) => `a${bytes.toString('hex')}b` },
  'hex, in pairs': { encode: (bytes) => inspect(bytes) },
  'hex, in pairs with colons': { encode: (bytes) => eachByte(bytes, (hex) => `${hex}:`) },
  'hex of it in JSON': { encode: (bytes) => JSON.stringify({ a: bytes.toString('hex') }) },
  base64: { encode: (bytes) => bytes.toString('base64') },
  'base64, 6 bytes of it': { encode: (bytes) => prefix(bytes).toString('base64'), lacks: isPeer },
  'base64, shifted by 1': { encode: (bytes) => within(bytes, 1).toString('base64') },
  'base64, shifted by 2': { encode: (bytes) => within(bytes, 2).toString('base64') },
  base64url: { encode: (bytes) => bytes.toString('base64url') },
  'base64url, shifted by 1': { encode: (bytes) => within(bytes, 1).toString('base64url') },
  'base64url, shifted by 2': { encode: (bytes) => within(bytes, 2).toString('base64url') },
  'base64 of hex': { encode: (bytes) => Buffer.from(bytes.toString('hex')).toString('base64') },
  'hex of base64': { encode: (bytes) => Buffer.from(bytes.toString('base64')).toString('hex') },
  'base64, percent-encoded': { encode: (bytes) => encodeURIComponent(bytes.toString('base64')) },
  reversed: { encode: reversed },
  'reversed, hex': { encode: (bytes) => reversed(bytes).toString('hex') },
  'reversed, base64': { encode: (bytes) => reversed(bytes).toString('base64') },
  'decimal numbers': { encode: numbers },
  'decimal numbers, 6 bytes of it': { encode: (bytes) => numbers(prefix(bytes)), lacks: isPeer },
  'Buffer in JSON': { encode: (bytes) => JSON.stringify(bytes) },
  'Uint8Array in JSON': { encode: (bytes) => JSON.stringify(new Uint8Array(bytes)) },
  'Uint8Array, inspected': { encode: (bytes) => inspect(new Uint8Array(bytes)) },
  'percent-encoded': { encode: (bytes) => eachByte(bytes, (hex) => `%${hex}`) },
  'percent-encoded text': { encode: (bytes) => encodeURIComponent(bytes.toString('latin1')) },
  'text of its characters': { encode: (bytes) => Buffer.from(bytes.toString('latin1'), 'utf8') },
  'JSON-escaped': { encode: (bytes) => JSON.stringify(bytes.toString('latin1')) },
  'JSON-escaped throughout': { encode: (bytes) => eachByte(bytes, (hex) => `\\u00${hex}`) },
  'as Redis escapes it': { encode: (bytes) => eachByte(bytes, (hex) => `\\x${hex}`) },
  'UTF-16': { encode: (bytes) => Buffer.from(bytes.toString('latin1'), 'utf16le') },
  'UTF-16, the other way round': { encode: swapped },
  'UTF-16 of hex': { encode: (bytes) => Buffer.from(bytes.toString('hex'), 'utf16le') },
  'capital letters': { encode: (bytes) => bytes.toString('latin1').toUpperCase(), lacks: isBytes },
  'numbers of an IP address': { encode: (bytes) => ipv6(bytes.toString()), lacks: (kind) => !isPeer(kind) },
  'IP address in hex': {
    encode: (bytes) => peerBytes(bytes.toString()).toString('hex'),
    lacks: (kind) => !isPeer(kind),
  },
  'UTF-8 with losses': { encode: lossyForm, lacks: (kind) => isText(kind) || kind === 'session' },
}

/** Bytes of a leak: long canaries are cut, so that many leaks find room. */
const MOST_BYTES = 64

/** What of a canary is written, in the form of that name; undefined where its kind has no such form. */
export function encodeLeak(name: string, kind: Kind, value: Buffer): Buffer | undefined {
  const encoding = ENCODINGS[name]
  if (!encoding || encoding.lacks?.(kind)) return undefined
  const form = encoding.encode(value.subarray(0, MOST_BYTES))
  return form === undefined ? undefined : Buffer.from(form)
}

function middle(bytes: Buffer): Buffer {
  const at = Math.min(bytes.length - 8, 5)
  return bytes.subarray(at, at + 8)
}
