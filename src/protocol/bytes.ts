/** Raised by every parser of this room: the bytes are not what the clause says. Carries nothing of the input. */
export class MalformedError extends Error {
  readonly code = 'ERR_MALFORMED'

  constructor(what: string) {
    super(what)
    this.name = 'MalformedError'
  }
}

/** ASCII label followed by one zero byte, as every hash and signature input of the protocol starts. */
export function label(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length + 1)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

export function isEqualBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const VALUES = new Map([...ALPHABET].map((character, value) => [character, value]))

/** base64url without padding, the protocol's text form of bytes. */
export function toBase64url(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 6) {
      bits -= 6
      text += ALPHABET[(held >> bits) & 63]
    }
    held &= (1 << bits) - 1
  }
  return bits > 0 ? text + ALPHABET[(held << (6 - bits)) & 63] : text
}

/**
 * Bytes of unpadded base64url text. Only the one canonical text of a byte string is taken.
 * @throws MalformedError on any other character, length or leftover bit
 */
export function parseBase64url(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8))
  let bits = 0
  let held = 0
  let offset = 0
  for (const character of text) {
    const value = VALUES.get(character)
    if (value === undefined) throw new MalformedError('not base64url')
    held = (held << 6) | value
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[offset++] = held >> bits
      held &= (1 << bits) - 1
    }
  }
  if (bits >= 6 || held !== 0) throw new MalformedError('not base64url')
  return bytes
}

/** Big-endian; the caller knows that there are four bytes. */
export function readU32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  return high * 0x1_0000 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
}

/** Reads big-endian fields in order and refuses to read past the end or to leave bytes behind. */
export class ByteReader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset
  }

  /** Next `length` bytes, as a view on the input. */
  bytes(length: number): Uint8Array {
    if (length > this.remaining) throw new MalformedError('too short')
    const start = this.#offset
    this.#offset += length
    return this.#bytes.subarray(start, this.#offset)
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining)
  }

  u8(): number {
    return this.#uint(1)
  }

  u16(): number {
    return this.#uint(2)
  }

  u32(): number {
    return this.#uint(4)
  }

  /** Unsigned 64 bits as a number. @throws MalformedError above 2^53 - 1, which no field of the protocol reaches */
  u64(): number {
    const value = this.#uint(8)
    if (!Number.isSafeInteger(value)) throw new MalformedError('out of range')
    return value
  }

  end(): void {
    if (this.remaining > 0) throw new MalformedError('trailing bytes')
  }

  #uint(length: number): number {
    if (length > this.remaining) throw new MalformedError('too short')
    const end = this.#offset + length
    let value = 0
    while (this.#offset < end) value = value * 256 + (this.#bytes[this.#offset++] as number)
    return value
  }
}

/** Writes big-endian fields in order into a buffer of known size. */
export class ByteWriter {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(length: number) {
    this.#bytes = new Uint8Array(length)
  }

  u8(value: number): this {
    return this.#uint(value, 1, 0xff)
  }

  u16(value: number): this {
    return this.#uint(value, 2, 0xffff)
  }

  u32(value: number): this {
    return this.#uint(value, 4, 0xffff_ffff)
  }

  u64(value: number): this {
    return this.#uint(value, 8, Number.MAX_SAFE_INTEGER)
  }

  bytes(bytes: Uint8Array): this {
    this.#bytes.set(bytes, this.#offset)
    this.#offset += bytes.length
    return this
  }

  /** @throws RangeError unless exactly the announced length was written */
  finish(): Uint8Array {
    if (this.#offset !== this.#bytes.length) throw new RangeError('length does not match what was written')
    return this.#bytes
  }

  #uint(value: number, length: number, max: number): this {
    if (!Number.isSafeInteger(value) || value < 0 || value > max) throw new RangeError('out of range')
    let left = value
    for (let i = length - 1; i >= 0; i--) {
      this.#bytes[this.#offset + i] = left % 256
      left = Math.floor(left / 256)
    }
    this.#offset += length
    return this
  }
}
