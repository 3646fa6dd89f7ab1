import { connect, type Socket } from 'node:net'

/** Longest beginning of a frame that a protocol may ask to see at once. */
const HEAD_BYTES = 2_048

/** All sockets read into one buffer: what is read is looked at before the next read. */
const readBuffer = Buffer.allocUnsafe(256 * 1024)

/** Where a connection goes, and from which loopback address it comes. */
export interface Endpoint {
  readonly port: number
  readonly localAddress?: string
}

/**
 * A TCP connection that looks at the beginning of each frame and skips the rest, so that the process that measures costs
 * as little as it can. A subclass says what a frame is.
 */
export abstract class RawConnection {
  readonly socket: Socket
  /** Settled when the socket is connected, rejected when it cannot be. */
  readonly connected: Promise<void>
  #head: Buffer | undefined
  #headLength = 0
  #skip = 0
  #isClosing = false

  constructor({ port, localAddress }: Endpoint) {
    this.socket = connect({
      host: '127.0.0.1',
      port,
      ...(localAddress !== undefined && { localAddress }),
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length, buffer) => {
          this.#read(buffer as Buffer, length)
          return true
        },
      },
    })
    this.connected = new Promise((resolve, reject) => {
      this.socket.once('connect', resolve)
      this.socket.once('close', () => reject(new Error('the connection was refused')))
    })
    this.connected.catch(() => {})
    this.socket.on('error', () => {}) // 'close' follows
    this.socket.on('close', () => this.#isClosing || this.lost())
  }

  /** Ends the connection after what was written. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.socket.destroyed) return
    this.socket.end()
    await new Promise((resolve) => this.socket.once('close', resolve))
  }

  /**
   * Looks at the frame that begins at `at`. Up to HEAD_BYTES of it can be asked for.
   * @param end where the bytes that are there end
   * @returns its length, or 0 where more has to be there first
   */
  protected abstract frame(buffer: Buffer, at: number, end: number): number

  /** Everything that came at once was looked at. */
  protected turnEnd(): void {}

  /** The server ended the connection, or it broke. */
  protected abstract lost(): void

  #read(buffer: Buffer, length: number): void {
    let at = Math.min(this.#skip, length)
    this.#skip -= at
    if (this.#headLength > 0 && at < length) at = this.#completeHead(buffer, at, length)
    while (at < length) {
      const frameLength = this.frame(buffer, at, length)
      if (frameLength === 0) {
        this.#head ??= Buffer.allocUnsafe(HEAD_BYTES)
        this.#headLength = buffer.copy(this.#head, 0, at, length)
        at = length
      } else at += frameLength
    }
    if (at > length) this.#skip = at - length
    this.turnEnd()
  }

  /** @returns where the next frame begins in `buffer` */
  #completeHead(buffer: Buffer, at: number, end: number): number {
    const head = this.#head as Buffer
    const copied = buffer.copy(head, this.#headLength, at, end)
    const frameLength = this.frame(head, 0, this.#headLength + copied)
    if (frameLength === 0) {
      this.#headLength += copied
      if (this.#headLength === HEAD_BYTES) throw new Error('the beginning of a frame is too long')
      return end
    }
    const next = at + frameLength - this.#headLength
    this.#headLength = 0
    return next
  }
}
