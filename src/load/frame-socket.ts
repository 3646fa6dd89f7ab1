import { createHash, randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { SUBPROTOCOL } from '../protocol/subprotocol.ts'
import { FrameParser } from './frame-parser.ts'
import type { Target } from './target.ts'

/** Why a connection ended: a close code, or what stood in the way of one. */
export type SocketEnd = number | 'lost' | 'refused' | 'unreachable' | 'timeout'

export interface FrameSocketEvents {
  onOpen(): void
  /** @param payload good until this returns */
  onMessage(payload: Buffer): void
  /** All messages of one piece of the stream have been given. */
  onTurn(): void
  /** Once, after which nothing comes any more. */
  onEnd(end: SocketEnd, httpStatus?: number): void
}

const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const OPCODE = { binary: 0x82, close: 0x88, pong: 0x8a }
const HEADER_END = '\r\n\r\n'
const MAX_HEADER_BYTES = 16_384
const HANDSHAKE_TIMEOUT_MS = 10_000
const MAX_SHORT = 125

/** A finished client frame around a short payload. [RFC6455-5.3] */
function shortFrame(opcode: number, payload: Uint8Array, mask: Buffer): Buffer {
  const isLong = payload.length > MAX_SHORT
  const headBytes = isLong ? 4 : 2
  const frame = Buffer.allocUnsafe(headBytes + 4 + payload.length)
  frame[0] = opcode
  if (isLong) {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(payload.length, 2)
  } else frame[1] = 0x80 | payload.length
  mask.copy(frame, headBytes)
  for (let i = 0; i < payload.length; i++) {
    frame[headBytes + 4 + i] = (payload[i] as number) ^ (mask[i & 3] as number)
  }
  return frame
}

/**
 * A WebSocket client that costs little for each message: what goes out is masked by whoever made it, what comes in is
 * given as views. Takes no extensions, and speaks `lethe.v1`.
 */
export class FrameSocket {
  readonly #socket: Socket
  readonly #mask: Buffer
  readonly #events: FrameSocketEvents
  readonly #parser: FrameParser
  readonly #key = randomBytes(16).toString('base64')
  readonly #timer: ReturnType<typeof setTimeout>
  #header = ''
  #isOpen = false
  #isClosing = false
  #isEnded = false
  #end: SocketEnd | undefined
  #status: number | undefined

  /** @param mask four bytes, those of all frames of this process */
  constructor(target: Target, path: string, mask: Buffer, events: FrameSocketEvents, localAddress?: string) {
    this.#mask = mask
    this.#events = events
    const { host, port, isTls, ca } = target
    const options = { host, port, ...(localAddress !== undefined && { localAddress }) }
    this.#socket = isTls ? connectTls({ ...options, ...(ca !== undefined && { ca }) }) : connect(options)
    this.#socket.setNoDelay(true)
    this.#parser = new FrameParser({
      onMessage: (payload) => events.onMessage(payload),
      onPing: (payload) => this.#write(shortFrame(OPCODE.pong, payload, mask)),
      onClose: (code) => {
        this.#end ??= code
        this.close()
      },
    })
    this.#timer = setTimeout(() => this.#fail('timeout'), HANDSHAKE_TIMEOUT_MS)
    this.#socket.once(isTls ? 'secureConnect' : 'connect', () => this.#ask(target, path))
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#socket.on('error', () => undefined)
    this.#socket.once('end', () => this.#socket.destroy())
    this.#socket.once('close', () => this.#ended())
  }

  /** Whether what is sent now can arrive: not once either side has said goodbye. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#isClosing && !this.#isEnded
  }

  /** Sends a finished frame, which must not be touched afterwards. */
  sendFrame(frame: Buffer): void {
    this.#write(frame)
  }

  /** Sends a message of at most 65,535 bytes. */
  send(payload: Uint8Array): void {
    this.#write(shortFrame(OPCODE.binary, payload, this.#mask))
  }

  /** Several frames of one turn become one write. */
  cork(): void {
    this.#socket.cork()
  }

  uncork(): void {
    this.#socket.uncork()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Says goodbye and ends the connection once everything is written. */
  close(): void {
    if (this.#isEnded || this.#isClosing) return
    this.#isClosing = true
    this.#write(shortFrame(OPCODE.close, Buffer.from([0x03, 0xe8]), this.#mask))
    this.#socket.end()
  }

  /** Ends the connection as a phone that loses its network. */
  terminate(): void {
    this.#socket.destroy()
  }

  #write(frame: Buffer): void {
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(frame)
  }

  #ask({ origin }: Target, path: string): void {
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: ${new URL(origin).host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${this.#key}`,
      `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
    ]
    this.#socket.write(lines.join('\r\n') + HEADER_END)
  }

  #receive(chunk: Buffer): void {
    const rest = this.#isOpen ? chunk : this.#receiveHeader(chunk)
    if (rest === undefined || rest.length === 0) return
    this.#parser.push(rest)
    this.#events.onTurn()
  }

  #receiveHeader(chunk: Buffer): Buffer | undefined {
    const before = this.#header.length
    this.#header += chunk.toString('latin1')
    const end = this.#header.indexOf(HEADER_END)
    if (end < 0) {
      if (this.#header.length > MAX_HEADER_BYTES) this.#fail('refused')
      return undefined
    }
    const header = this.#header.slice(0, end)
    const accept = createHash('sha1').update(`${this.#key}${ACCEPT_SUFFIX}`).digest('base64')
    this.#status = Number(/^HTTP\/1\.1 (\d{3})/.exec(header)?.[1])
    if (this.#status !== 101 || !header.includes(accept)) {
      this.#fail('refused')
      return undefined
    }
    clearTimeout(this.#timer)
    this.#isOpen = true
    this.#header = ''
    this.#events.onOpen()
    return chunk.subarray(end + HEADER_END.length - before)
  }

  #fail(end: SocketEnd): void {
    this.#end ??= end
    this.#socket.destroy()
  }

  #ended(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearTimeout(this.#timer)
    this.#events.onEnd(this.#end ?? (this.#isOpen ? 'lost' : 'unreachable'), this.#status)
  }
}
