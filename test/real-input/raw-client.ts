// A client as small as one can be, written from the protocol alone. Real ciphertext goes through it, and not through the
// SDK, so that what these tests say about the relay does not hang on the SDK.

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { type RawData, WebSocket } from 'ws'

const subprotocol = 'lethe.v1'
const patienceMs = 15_000

/** What the owner of a mailbox holds, and the address it gives to others [protocol §1]. */
export interface MailboxKeys {
  publicKey: Uint8Array
  privateKey: KeyObject
  address: Uint8Array
}

/** One frame from a mailbox socket: an envelope with its id of 16 bytes, or the news that nothing more waits. */
export type Arrival = { kind: 'envelope'; id: Uint8Array; envelope: Uint8Array } | { kind: 'drained' }

/** Makes the keys of a new mailbox; the relay hears of them when it is opened, never before. */
export function createMailboxKeys(): MailboxKeys {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url')
  return { publicKey: raw, privateKey, address: sha256(Buffer.from('lethe/v1 address\0'), raw) }
}

/** Deposits one envelope over HTTP [protocol §4]. Throws unless the relay answers 202. */
export async function deposit(relayUrl: string, address: Uint8Array, envelope: Uint8Array): Promise<void> {
  const response = await fetch(`${relayUrl}/v1/deposit`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: Buffer.concat([address, envelope]),
  })
  if (response.status !== 202) throw new Error(`deposit answered ${response.status}: ${await response.text()}`)
}

/** A deposit socket [protocol §4], used for one deposit at a time. */
export class DepositSocket {
  readonly #frames: FrameReader
  #ref = 0

  private constructor(frames: FrameReader) {
    this.#frames = frames
  }

  /** Connects to the relay at `wsUrl`, without a path. */
  static async connect(wsUrl: string): Promise<DepositSocket> {
    return new DepositSocket(await FrameReader.connect(`${wsUrl}/v1/deposit`))
  }

  /** Sends one DEPOSIT of a day and waits for its ACCEPTED. Throws on any other answer. */
  async deposit(address: Uint8Array, envelope: Uint8Array): Promise<void> {
    const head = Buffer.alloc(9)
    head.writeUInt8(0x01, 0)
    head.writeUInt32BE(++this.#ref, 1)
    head.writeUInt32BE(86_400, 5)
    this.#frames.socket.send(Buffer.concat([head, address, envelope]))
    const answer = await this.#frames.next()
    if (answer[0] !== 0x81 || answer.length !== 5 || answer.readUInt32BE(1) !== this.#ref) throw unexpected(answer)
  }

  async close(): Promise<void> {
    await this.#frames.close()
  }
}

/** One open mailbox on a socket of its own [protocol §5]. */
export class MailboxSocket {
  readonly #frames: FrameReader

  private constructor(frames: FrameReader) {
    this.#frames = frames
  }

  /** Connects, signs the relay's nonce for `origin`, and resolves on OPENED. */
  static async open(wsUrl: string, origin: string, keys: MailboxKeys): Promise<MailboxSocket> {
    const frames = await FrameReader.connect(`${wsUrl}/v1/mailbox`)
    const hello = await frames.next()
    if (hello[0] !== 0x81 || hello.length !== 33) throw unexpected(hello)
    const signed = Buffer.concat([Buffer.from('lethe/v1 open\0'), sha256(Buffer.from(origin)), hello.subarray(1)])
    const signature = sign(null, signed, keys.privateKey)
    frames.socket.send(Buffer.concat([Buffer.from([0x01, 0, 0]), keys.publicKey, signature]))
    const opened = await frames.next()
    if (opened[0] !== 0x82 || opened.length !== 3) throw unexpected(opened)
    return new MailboxSocket(frames)
  }

  /** Waits for the next envelope or DRAINED. Throws on any other frame, when the socket closes, and after 15 s. */
  async next(): Promise<Arrival> {
    const frame = await this.#frames.next()
    if (frame[0] === 0x84 && frame.length === 3) return { kind: 'drained' }
    if (frame[0] !== 0x83 || frame.length < 19) throw unexpected(frame)
    return { kind: 'envelope', id: frame.subarray(3, 19), envelope: frame.subarray(19) }
  }

  /** Acknowledges envelopes by their ids; the relay does not answer. */
  ack(...ids: Uint8Array[]): void {
    this.#frames.socket.send(Buffer.concat([Buffer.from([0x02, 0, 0]), ...ids]))
  }

  async close(): Promise<void> {
    await this.#frames.close()
  }
}

/** A connected socket whose binary frames are queued from the first one on. */
class FrameReader {
  readonly socket: WebSocket
  readonly #frames: Buffer[] = []
  #closed: Error | undefined
  #wake = () => {}

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) this.#frames.push(data as Buffer)
      else this.#closed = new Error('the relay sent a text frame')
      this.#wake()
    })
    socket.on('error', (error) => {
      this.#closed = error
    })
    socket.on('close', (code: number) => {
      this.#closed ??= new Error(`the socket closed with ${code}`)
      this.#wake()
    })
  }

  static async connect(url: string): Promise<FrameReader> {
    const socket = new WebSocket(url, [subprotocol], { perMessageDeflate: false })
    const reader = new FrameReader(socket)
    await once(socket, 'open')
    if (socket.protocol !== subprotocol) throw new Error(`the relay chose the subprotocol "${socket.protocol}"`)
    return reader
  }

  async next(): Promise<Buffer> {
    const deadline = setTimeout(() => {
      this.#closed = new Error(`nothing came within ${patienceMs} ms`)
      this.#wake()
    }, patienceMs)
    try {
      while (true) {
        const frame = this.#frames.shift()
        if (frame !== undefined) return frame
        if (this.#closed !== undefined) throw this.#closed
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      clearTimeout(deadline)
    }
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return
    const closed = once(this.socket, 'close')
    this.socket.close(1000)
    await closed
  }
}

function sha256(...parts: Uint8Array[]): Uint8Array {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

function unexpected(frame: Buffer): Error {
  return new Error(`unexpected frame ${frame.subarray(0, 8).toString('hex')}, ${frame.length} bytes`)
}
