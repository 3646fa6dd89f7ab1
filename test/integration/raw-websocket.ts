import { setTimeout as sleep } from 'node:timers/promises'
import { RawConnection } from './raw-http.ts'

/** Types of frames. [RFC6455-5.2] */
export const OPCODE = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const

/** One frame as a client sends it. The mask is zero, which masks nothing, so that frames can be made beforehand. */
export function clientFrame(payload: Buffer, opcode: number = OPCODE.binary, isLast = true): Buffer {
  const first = (isLast ? 0x80 : 0) | opcode
  const mask = Buffer.alloc(4)
  if (payload.length < 126) return Buffer.concat([Buffer.of(first, 0x80 | payload.length), mask, payload])
  const header = Buffer.alloc(4)
  header.writeUInt8(first, 0)
  header.writeUInt8(0x80 | 126, 1)
  header.writeUInt16BE(payload.length, 2)
  return Buffer.concat([header, mask, payload])
}

/** A WebSocket by hand: answers no ping and no close frame, and may send what is none. */
export class RawWebSocket extends RawConnection {
  /** Resolves when the relay has agreed; rejects where it does not. */
  async upgraded(path: '/v1/deposit' | '/v1/mailbox'): Promise<this> {
    this.write(
      `GET ${path} HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Protocol: lethe.v1\r\n\r\n',
    )
    await this.when(() => this.isEnded || this.received.includes('\r\n\r\n'))
    if (!this.received.startsWith('HTTP/1.1 101 ')) throw new Error(`no socket: ${this.received.slice(0, 200)}`)
    return this
  }

  /** Codes of the close frames that came. */
  closeCodes(): number[] {
    return this.frames().flatMap(({ opcode, payload }) => (opcode === OPCODE.close ? [payload.readUInt16BE(0)] : []))
  }

  /** Whole frames that came so far. */
  frames(): { opcode: number; payload: Buffer }[] {
    const bytes = Buffer.from(this.received.slice(this.received.indexOf('\r\n\r\n') + 4), 'latin1')
    const frames: { opcode: number; payload: Buffer }[] = []
    for (let at = 0; at + 2 <= bytes.length; ) {
      const short = bytes.readUInt8(at + 1)
      if (at + (short === 126 ? 4 : short === 127 ? 10 : 2) > bytes.length) break
      const long =
        short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : 0
      const start = at + (short === 126 ? 4 : short === 127 ? 10 : 2)
      const end = start + (short < 126 ? short : long)
      if (end > bytes.length) break
      frames.push({ opcode: bytes.readUInt8(at) & 0x0f, payload: bytes.subarray(start, end) })
      at = end
    }
    return frames
  }

  /** Writes as fast as the relay takes it, until `count` pieces were written or the relay ends the connection. */
  async flood(piece: Buffer, count: number): Promise<void> {
    for (let sent = 0; sent < count && this.socket.writable && !this.isEnded; sent++) {
      this.socket.write(piece)
      while (this.socket.writableLength > 2 * piece.length && this.socket.writable && !this.isEnded) await sleep(2)
    }
  }
}
