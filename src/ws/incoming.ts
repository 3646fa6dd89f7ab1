import type { Socket } from 'node:net'

/** First byte of a frame that is a whole binary message, of a ping and of a pong. [RFC6455-5.2] */
const WHOLE_BINARY = 0x82
const PING = 0x89
const PONG = 0x8a

const MASKED = 0x80
/** Says that the length follows, in two bytes; 127 says in eight. */
const LENGTH_16 = 126
const MASK_BYTES = 4
const HEADER_BYTES = 2 + MASK_BYTES

/** A message that comes in pieces is given so much memory at first, and twice as much whenever that is full. */
const FIRST_ROOM_BYTES = 8_192

type DataListener = (bytes: Buffer) => void

/**
 * What comes in on one socket, in front of `ws`. Whole binary messages, which are all that this protocol has, are taken out
 * of what the transport reads, and unmasked four bytes at a time where `ws` takes one. Everything else is left to `ws`:
 * pings and pongs as they come, and from anything else on, be it a close, a text, a fragment or a violation, all that
 * follows, so that what is not a message is judged in one place. [ops/decisions/0018]
 */
export class Incoming {
  readonly #transport: Socket
  readonly #maxBytes: number
  readonly #receive: (message: Buffer) => void
  readonly #toWs: DataListener
  readonly #onData: DataListener
  /** From here on all is left to `ws`. */
  #isLeft = false
  /** Bytes that still belong to a ping or pong. */
  #passing = 0
  /** The beginning of a header. */
  #head: Buffer | undefined
  /** The beginning of a message: how much of it is there, how much it will be, and its mask. */
  #partial: Buffer | undefined
  #gathered = 0
  #length = 0
  #mask: Buffer | undefined

  /**
   * To be made before anything was read.
   * @param maxBytes of a message; a longer one is left to `ws`, which refuses it
   * @param receive given each message, which is its own to keep; memory around it may belong to other messages
   * @throws Error if `ws` is not the only one that listens to the transport
   */
  constructor(transport: Socket, maxBytes: number, receive: (message: Buffer) => void) {
    this.#transport = transport
    this.#maxBytes = maxBytes
    this.#receive = receive
    const [toWs, ...others] = transport.listeners('data') as DataListener[]
    if (toWs === undefined || others.length > 0) throw new Error('ws does not listen to its socket as it should')
    this.#toWs = toWs
    this.#onData = (chunk) => this.#read(chunk)
    transport.on('data', this.#onData)
    transport.removeListener('data', toWs)
    transport.prependListener('close', () => this.#end())
  }

  #read(chunk: Buffer): void {
    let bytes = chunk
    if (this.#head) {
      bytes = Buffer.concat([this.#head, chunk])
      this.#head = undefined
      chunk.fill(0)
    }
    const words = wordsOf(bytes)
    let at = this.#partial ? this.#complete(bytes) : 0
    while (at < bytes.length) {
      if (this.#passing > 0) {
        const end = Math.min(bytes.length, at + this.#passing)
        this.#passing -= end - at
        this.#toWs.call(this.#transport, bytes.subarray(at, end))
        at = end
        continue
      }
      at = this.#next(bytes, words, at)
    }
  }

  /** Of a socket that was paused, `ws` reads at the end what was not read before. What is then incomplete stays so. */
  #end(): void {
    const { readableLength } = this.#transport
    if (!this.#isLeft && readableLength > 0) this.#read(this.#transport.read(readableLength))
    this.#partial?.fill(0)
    this.#partial = undefined
  }

  /**
   * Takes the frame that begins at `at`, or leaves it, as soon as there is enough of it for `ws` to refuse it.
   * @returns where the next one begins
   */
  #next(bytes: Buffer, words: Int32Array, at: number): number {
    const available = bytes.length - at
    const isMessage = bytes[at] === WHOLE_BINARY
    if (!isMessage && bytes[at] !== PING && bytes[at] !== PONG) return this.#leave(bytes, at)
    if (available < 2) return this.#keep(bytes, at)
    const second = bytes[at + 1] as number
    const short = second & ~MASKED
    if ((second & MASKED) === 0) return this.#leave(bytes, at)
    if (!isMessage) {
      if (short >= LENGTH_16) return this.#leave(bytes, at)
      this.#passing = HEADER_BYTES + short
      return at
    }
    const lengthBytes = short < LENGTH_16 ? 0 : short === LENGTH_16 ? 2 : 8
    if (available < 2 + lengthBytes) return this.#keep(bytes, at)
    const length = lengthBytes === 0 ? short : readLength(bytes, at + 2, short)
    if (length > this.#maxBytes) return this.#leave(bytes, at)
    const start = at + HEADER_BYTES + lengthBytes
    if (start > bytes.length) return this.#keep(bytes, at)
    const end = start + length
    if (end > bytes.length) return this.#begin(bytes, start, length)
    unmask(bytes, words, start, end, bytes, start - MASK_BYTES)
    this.#receive(bytes.subarray(start, end))
    return end
  }

  /** Lets `ws` listen again itself, since it stops doing so when it has closed or failed. */
  #leave(bytes: Buffer, at: number): number {
    this.#isLeft = true
    this.#transport.removeListener('data', this.#onData)
    this.#transport.on('data', this.#toWs)
    this.#toWs.call(this.#transport, bytes.subarray(at))
    return bytes.length
  }

  /** Keeps a copy, as a view would keep all that was read with it. */
  #keep(bytes: Buffer, at: number): number {
    this.#head = Buffer.from(bytes.subarray(at))
    return bytes.length
  }

  #begin(bytes: Buffer, start: number, length: number): number {
    this.#mask = Buffer.from(bytes.subarray(start - MASK_BYTES, start))
    this.#length = length
    this.#gathered = 0
    this.#partial = Buffer.alloc(Math.min(length, FIRST_ROOM_BYTES))
    return start + this.#gather(bytes.subarray(start))
  }

  /** Goes on with a message that has begun. @returns where the next frame begins */
  #complete(bytes: Buffer): number {
    const taken = this.#gather(bytes)
    if (this.#gathered < this.#length) return taken
    const message = this.#partial as Buffer
    unmask(message, wordsOf(message), 0, message.length, this.#mask as Buffer, 0)
    this.#partial = undefined
    this.#mask = undefined
    this.#receive(message)
    return taken
  }

  /** @returns how many bytes belong to the message that has begun */
  #gather(bytes: Buffer): number {
    const wanted = Math.min(bytes.length, this.#length - this.#gathered)
    let room = this.#partial as Buffer
    // Not at once as much as the header says, which anybody can write.
    if (this.#gathered + wanted > room.length) {
      const grown = Buffer.alloc(Math.min(this.#length, Math.max(2 * room.length, this.#gathered + wanted)))
      grown.set(room.subarray(0, this.#gathered))
      room.fill(0)
      room = grown
      this.#partial = grown
    }
    const taken = bytes.subarray(0, wanted)
    room.set(taken, this.#gathered)
    taken.fill(0)
    this.#gathered += wanted
    return wanted
  }
}

function readLength(bytes: Buffer, at: number, short: number): number {
  return short === LENGTH_16 ? bytes.readUInt16BE(at) : Number(bytes.readBigUInt64BE(at))
}

/** All of the memory that bytes lie in. */
function wordsOf({ buffer }: Buffer): Int32Array {
  return new Int32Array(buffer, 0, buffer.byteLength >>> 2)
}

const maskBytes = new Uint8Array(MASK_BYTES)
const maskWord = new Int32Array(maskBytes.buffer)

/** From `start` to `end`, in place. [RFC6455-5.3] @param words the memory that the bytes lie in */
function unmask(bytes: Buffer, words: Int32Array, start: number, end: number, mask: Buffer, maskAt: number): void {
  const { byteOffset } = bytes
  const aligned = Math.min(end, start + (-(byteOffset + start) & (MASK_BYTES - 1)))
  const count = (end - aligned) >>> 2
  const tail = aligned + MASK_BYTES * count
  for (let i = start; i < aligned; i++) bytes[i] = (bytes[i] as number) ^ (mask[maskAt + ((i - start) & 3)] as number)
  for (let i = tail; i < end; i++) bytes[i] = (bytes[i] as number) ^ (mask[maskAt + ((i - start) & 3)] as number)
  for (let i = 0; i < MASK_BYTES; i++) maskBytes[i] = mask[maskAt + ((aligned - start + i) & 3)] as number
  const key = maskWord[0] as number
  const first = (byteOffset + aligned) >>> 2
  for (let i = first; i < first + count; i++) words[i] = (words[i] as number) ^ key
}
