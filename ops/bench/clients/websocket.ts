import type { Link } from './protocol.ts'
import { type Endpoint, RawConnection } from './raw-connection.ts'

/** Not zero, or servers would skip unmasking, which real clients make them do. Twice, so that it can be read from any of its bytes on. */
export const MASK = Buffer.from('5ac31e975ac31e97', 'hex')

/** The beginning of a message that is looked at: type, channel, envelope id and the envelope's number, or a HELLO. */
const PEEK_BYTES = 40
const KEY = Buffer.alloc(16, 7).toString('base64')

/** Masks bytes in place that stand at `at` in their message. */
export function maskAt(bytes: Buffer, at: number): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ (MASK[(at + i) & 3] as number)
}

/** One masked frame with a copy of `payload`. [RFC6455-5.2] */
export function clientFrame(payload: Uint8Array, opcode = 2): Buffer {
  const headerBytes = payload.length < 126 ? 6 : 8
  const frame = Buffer.allocUnsafe(headerBytes + payload.length)
  frame[0] = 0x80 | opcode
  if (headerBytes === 6) frame[1] = 0x80 | payload.length
  else {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(payload.length, 2)
  }
  MASK.copy(frame, headerBytes - 4, 0, 4)
  frame.set(payload, headerBytes)
  maskAt(frame.subarray(headerBytes), 0)
  return frame
}

/** A WebSocket as a client sees it, `lethe.v1`, messages in one frame. */
export abstract class WebSocketConnection extends RawConnection implements Link {
  #isUpgraded = false
  #ready: () => void = () => {}
  #fail: (error: Error) => void = () => {}
  /** Settled when the server has agreed to the protocol. */
  readonly ready = new Promise<void>((resolve, reject) => {
    this.#ready = resolve
    this.#fail = reject
  })
  /** Rejected when the connection ends. */
  readonly ended: Promise<never>

  constructor(endpoint: Endpoint, path: string) {
    super(endpoint)
    this.ended = new Promise((_resolve, reject) => {
      this.socket.once('close', () => {
        const error = new Error(`the server ended the connection to ${path}`)
        this.#fail(error)
        reject(error)
      })
    })
    this.ended.catch(() => {})
    this.ready.catch(() => {})
    this.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${endpoint.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Protocol: lethe.v1\r\n\r\n`,
    )
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  cork(): void {
    this.socket.cork()
  }

  uncork(): void {
    this.socket.uncork()
  }

  /** One binary message; only its first 40 bytes need to be there. */
  protected abstract message(buffer: Buffer, at: number): void

  protected override frame(buffer: Buffer, at: number, end: number): number {
    if (!this.#isUpgraded) return this.#upgrade(buffer, at, end)
    if (end - at < 4 && end - at < 2 + ((buffer[at + 1] ?? 127) & 127)) return 0
    let headerBytes = 2
    let length = buffer[at + 1] as number
    if (length === 126) {
      headerBytes = 4
      length = buffer.readUInt16BE(at + 2)
    } else if (length === 127) throw new Error('a longer message than any server here sends')
    const frameLength = headerBytes + length
    if (end - at < Math.min(frameLength, headerBytes + PEEK_BYTES)) return 0
    const opcode = (buffer[at] as number) & 15
    const payloadAt = at + headerBytes
    if (opcode === 2) this.message(buffer, payloadAt)
    else if (opcode === 9 && frameLength <= end - at)
      this.write(clientFrame(buffer.subarray(payloadAt, payloadAt + length), 10))
    return frameLength
  }

  #upgrade(buffer: Buffer, at: number, end: number): number {
    const headEnd = buffer.subarray(at, end).indexOf('\r\n\r\n')
    if (headEnd < 0) return 0
    const status = buffer.toString('latin1', at, at + headEnd).split(' ')[1]
    if (status === '101') {
      this.#isUpgraded = true
      this.#ready()
    } else {
      this.#fail(new Error(`the server answered ${status} instead of a WebSocket`))
      this.socket.destroy()
    }
    return headEnd + 4
  }
}

/** Resolves with the connection when it is a WebSocket. */
export async function openSocket<T extends WebSocketConnection>(connection: T): Promise<T> {
  await connection.ready
  return connection
}
