import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { DepositFormat, Link, Protocol, RecipientEvents, SenderEvents, Target } from './protocol.ts'
import { clientFrame, MASK, maskAt, openSocket, WebSocketConnection } from './websocket.ts'

const TTL_SECONDS = 86_400
const DEPOSIT_HEADER_BYTES = 41
const ID_BYTES = 16
const MAX_IDS = 64
const CHANNEL = 1

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
const label = (text: string) => Buffer.from(`${text}\0`)

interface Mailbox {
  readonly publicKey: Buffer
  readonly privateKey: KeyObject
}

/** Addresses of mailboxes, back to back. The first ones have owners. */
export class AddressBook {
  readonly #addresses: Buffer
  readonly #mailboxes: Mailbox[] = []

  constructor(count: number, owned: number) {
    this.#addresses = randomBytes(count * 32)
    for (let i = 0; i < owned; i++) {
      const pair = generateKeyPairSync('ed25519')
      const publicKey = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
      this.#mailboxes.push({ publicKey, privateKey: pair.privateKey })
      sha256(label('lethe/v1 address'), publicKey).copy(this.#addresses, i * 32)
    }
  }

  copy(index: number, to: Buffer, at: number): void {
    this.#addresses.copy(to, at, index * 32, index * 32 + 32)
  }

  /** The addresses as they stand in a masked frame. */
  masked(at: number): Buffer {
    const masked = Buffer.from(this.#addresses)
    maskAt(masked, at)
    return masked
  }

  mailbox(index: number): Mailbox {
    const mailbox = this.#mailboxes[index]
    if (!mailbox) throw new Error('nobody owns this mailbox')
    return mailbox
  }
}

/** DEPOSIT in a masked WebSocket frame. Every part of it is masked beforehand. */
function createFormat(book: AddressBook, envelopeBytes: number): DepositFormat {
  const payload = Buffer.alloc(DEPOSIT_HEADER_BYTES + envelopeBytes, 0xa5)
  const template = clientFrame(payload)
  const headerBytes = template.length - payload.length
  const addressAt = 9
  const addresses = book.masked(addressAt)
  const numberAt = headerBytes + DEPOSIT_HEADER_BYTES
  const numberMask = MASK.readUInt32BE(DEPOSIT_HEADER_BYTES % 4)
  return {
    frameBytes: template.length,
    fill(frame, _sender, slot) {
      payload[0] = 0x01
      payload.writeUInt32BE(slot, 1)
      payload.writeUInt32BE(TTL_SECONDS, 5)
      clientFrame(payload).copy(frame)
    },
    direct(frame, recipient, number) {
      addresses.copy(frame, headerBytes + addressAt, recipient * 32, recipient * 32 + 32)
      frame.writeUInt32BE((number ^ numberMask) >>> 0, numberAt)
    },
  }
}

class SenderConnection extends WebSocketConnection {
  readonly #events: SenderEvents

  constructor(port: number, events: SenderEvents) {
    super({ port }, '/v1/deposit')
    this.#events = events
  }

  protected override message(buffer: Buffer, at: number): void {
    if (buffer[at] === 0x81) this.#events.answered(buffer.readUInt32BE(at + 1), true)
    else if (buffer[at] === 0x8f) this.#events.answered(buffer.readUInt32BE(at + 1), false)
  }

  protected override lost(): void {
    this.#events.lost()
  }
}

class RecipientConnection extends WebSocketConnection {
  readonly #events: RecipientEvents
  readonly #mailbox: Mailbox
  readonly #originHash: Buffer
  readonly #ids = Buffer.allocUnsafe(3 + MAX_IDS * ID_BYTES)
  #idsLength = 3
  #opened: () => void = () => {}
  readonly opened = new Promise<void>((resolve) => {
    this.#opened = resolve
  })

  constructor(port: number, mailbox: Mailbox, events: RecipientEvents, localAddress?: string) {
    super({ port, ...(localAddress !== undefined && { localAddress }) }, '/v1/mailbox')
    this.#mailbox = mailbox
    this.#events = events
    this.#originHash = sha256(Buffer.from(`http://127.0.0.1:${port}`))
    this.#ids.writeUInt8(0x02, 0)
    this.#ids.writeUInt16BE(CHANNEL, 1)
  }

  protected override message(buffer: Buffer, at: number): void {
    switch (buffer[at]) {
      case 0x83:
        this.#envelope(buffer, at)
        break
      case 0x81:
        this.#open(buffer.subarray(at + 1, at + 33))
        break
      case 0x82:
        this.#opened()
        break
      case 0x84:
        this.#events.drained?.()
        break
      default:
        this.#events.lost()
    }
  }

  protected override turnEnd(): void {
    if (this.#idsLength === 3) return
    this.write(clientFrame(this.#ids.subarray(0, this.#idsLength)))
    this.#idsLength = 3
  }

  protected override lost(): void {
    this.#events.lost()
  }

  #envelope(buffer: Buffer, at: number): void {
    this.#idsLength += buffer.copy(this.#ids, this.#idsLength, at + 3, at + 3 + ID_BYTES)
    if (this.#idsLength === this.#ids.length) this.turnEnd()
    this.#events.delivered(buffer.readUInt32BE(at + 3 + ID_BYTES))
  }

  #open(nonce: Uint8Array): void {
    const { publicKey, privateKey } = this.#mailbox
    const signature = sign(null, Buffer.concat([label('lethe/v1 open'), this.#originHash, nonce]), privateKey)
    const header = Buffer.from([0x01, 0, CHANNEL])
    this.write(clientFrame(Buffer.concat([header, publicKey, signature])))
  }
}

/** This relay's protocol, which the `ws` echo speaks as well. [protocol §4, §5] */
export class LetheProtocol implements Protocol {
  readonly format: DepositFormat
  readonly #ports: readonly number[]
  readonly #book: AddressBook

  constructor({ port, otherPorts = [], recipients, owned = recipients, envelopeBytes }: Target) {
    this.#ports = [port, ...otherPorts]
    this.#book = new AddressBook(recipients, owned)
    this.format = createFormat(this.#book, envelopeBytes)
  }

  async prepare(): Promise<void> {}

  async connectSender(sender: number, events: SenderEvents): Promise<Link> {
    return await openSocket(new SenderConnection(this.#portOf(sender), events))
  }

  async connectRecipient(recipient: number, events: RecipientEvents, localAddress?: string): Promise<Link> {
    const mailbox = this.#book.mailbox(recipient)
    const connection = new RecipientConnection(this.#portOf(recipient), mailbox, events, localAddress)
    await openSocket(connection)
    await Promise.race([connection.opened, connection.ended])
    return connection
  }

  #portOf(client: number): number {
    return this.#ports[client % this.#ports.length] as number
  }
}
