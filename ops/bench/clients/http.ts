import { AddressBook } from './lethe.ts'
import type { DepositFormat, Link, Protocol, SenderEvents, Target } from './protocol.ts'
import { RawConnection } from './raw-connection.ts'

/** POST /v1/deposit on a connection that stays open. */
function createFormat(book: AddressBook, port: number, envelopeBytes: number): DepositFormat {
  const head = Buffer.from(
    `POST /v1/deposit HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/octet-stream\r\n` +
      `TTL: 86400\r\nContent-Length: ${32 + envelopeBytes}\r\n\r\n`,
  )
  return {
    frameBytes: head.length + 32 + envelopeBytes,
    fill(frame) {
      frame.fill(0xa5)
      head.copy(frame)
    },
    direct(frame, recipient, number) {
      book.copy(recipient, frame, head.length)
      frame.writeUInt32BE(number, head.length + 32)
    },
  }
}

class SenderConnection extends RawConnection implements Link {
  readonly #events: SenderEvents

  constructor(port: number, events: SenderEvents) {
    super({ port })
    this.#events = events
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

  protected override frame(buffer: Buffer, at: number, end: number): number {
    const headBytes = buffer.subarray(at, end).indexOf('\r\n\r\n') + 4
    if (headBytes < 4) return 0
    const head = buffer.toString('latin1', at, at + headBytes)
    const bodyBytes = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    this.#events.answered(0, head.startsWith('HTTP/1.1 202'))
    return headBytes + bodyBytes
  }

  protected override lost(): void {
    this.#events.lost()
  }
}

/** Deposits by HTTP, one under way on each connection. [protocol §4] */
export class HttpProtocol implements Protocol {
  readonly format: DepositFormat
  readonly #port: number

  constructor({ port, recipients, envelopeBytes }: Target) {
    this.#port = port
    this.format = createFormat(new AddressBook(recipients, 0), port, envelopeBytes)
  }

  async prepare(): Promise<void> {}

  async connectSender(_sender: number, events: SenderEvents): Promise<Link> {
    const connection = new SenderConnection(this.#port, events)
    await connection.connected
    return connection
  }
}
