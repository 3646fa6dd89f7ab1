import type { DepositFormat, Link, Protocol, RecipientEvents, SenderEvents, Target } from './protocol.ts'
import { RawConnection } from './raw-connection.ts'

const CONNACK = 0x20
const PUBLISH = 0x30
const PUBACK = 0x40
const SUBACK = 0x90
const QOS1 = 1

/** MQTT's length of variable length. [MQTT-2.2.3] */
function remainingLength(length: number): Buffer {
  const bytes: number[] = []
  let rest = length
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0))
    rest >>= 7
  } while (rest > 0)
  return Buffer.from(bytes)
}

function packet(type: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([type]), remainingLength(body.length), body])
}

function text(value: string): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(value.length)
  return Buffer.concat([length, Buffer.from(value)])
}

const u16 = (value: number) => Buffer.from([value >> 8, value & 255])
const topicOf = (recipient: number) => `m/${String(recipient).padStart(4, '0')}`

/** A session that the server keeps while its client is away, which is what a mailbox is. [MQTT-3.1.2.4] */
function connectPacket(clientId: string, isKept: boolean): Buffer {
  const keepAliveNever = u16(0)
  return packet(0x10, text('MQTT'), Buffer.from([4, isKept ? 0 : 2]), keepAliveNever, text(clientId))
}

/** PUBLISH at QoS 1; the packet identifier is the slot. */
function createFormat(envelopeBytes: number): DepositFormat {
  const build = (id: number) =>
    packet(PUBLISH | (QOS1 << 1), text(topicOf(0)), u16(id), Buffer.alloc(envelopeBytes, 0xa5))
  const frameBytes = build(1).length
  const envelopeAt = frameBytes - envelopeBytes
  const topicAt = envelopeAt - 2 - topicOf(0).length
  return {
    frameBytes,
    fill(frame, _sender, slot) {
      build(slot + 1).copy(frame)
    },
    direct(frame, recipient, number) {
      frame.write(topicOf(recipient), topicAt, 'latin1')
      frame.writeUInt32BE(number, envelopeAt)
    },
  }
}

abstract class MqttConnection extends RawConnection implements Link {
  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  cork(): void {
    this.socket.cork()
  }

  uncork(): void {
    this.socket.uncork()
  }

  protected abstract received(type: number, buffer: Buffer, at: number): void

  protected override frame(buffer: Buffer, at: number, end: number): number {
    let length = 0
    let next = at + 1
    for (let shift = 0; ; shift += 7) {
      if (next >= end) return 0
      const byte = buffer[next++] as number
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    if (end - next < Math.min(length, 32)) return 0
    this.received(buffer[at] as number, buffer, next)
    return next - at + length
  }
}

class SenderConnection extends MqttConnection {
  readonly #events: SenderEvents
  #ready: () => void = () => {}
  readonly ready = new Promise<void>((resolve) => {
    this.#ready = resolve
  })

  constructor(port: number, sender: number, events: SenderEvents) {
    super({ port })
    this.#events = events
    this.write(connectPacket(`sender-${sender}`, false))
  }

  protected override received(type: number, buffer: Buffer, at: number): void {
    if (type === PUBACK) this.#events.answered(buffer.readUInt16BE(at) - 1, true)
    else if (type === CONNACK) this.#ready()
  }

  protected override lost(): void {
    this.#events.lost()
  }
}

class RecipientConnection extends MqttConnection {
  readonly #events: RecipientEvents
  readonly #topic: string
  #acknowledgements: number[] = []
  #ready: () => void = () => {}
  readonly ready = new Promise<void>((resolve) => {
    this.#ready = resolve
  })

  constructor(port: number, recipient: number, events: RecipientEvents) {
    super({ port })
    this.#events = events
    this.#topic = topicOf(recipient)
    this.write(connectPacket(`recipient-${recipient}`, true))
  }

  protected override received(type: number, buffer: Buffer, at: number): void {
    if ((type & 0xf0) === PUBLISH) {
      const idAt = at + 2 + buffer.readUInt16BE(at)
      this.#acknowledgements.push(buffer.readUInt16BE(idAt))
      this.#events.delivered(buffer.readUInt32BE(idAt + 2))
    } else if (type === CONNACK) this.#connected(buffer[at] === 1)
    else if (type === SUBACK) this.#ready()
  }

  protected override turnEnd(): void {
    const count = this.#acknowledgements.length
    if (count === 0) return
    const bytes = Buffer.allocUnsafe(count * 4)
    for (let i = 0; i < count; i++) bytes.writeUInt32BE(0x40020000 + (this.#acknowledgements[i] as number), i * 4)
    this.#acknowledgements = []
    this.write(bytes)
  }

  protected override lost(): void {
    this.#events.lost()
  }

  #connected(isKnown: boolean): void {
    if (isKnown) this.#ready()
    else this.write(packet(0x82, u16(1), text(this.#topic), Buffer.from([QOS1])))
  }
}

/** MQTT 3.1.1 at QoS 1, one topic for each mailbox, recipients with kept sessions. */
export class MqttProtocol implements Protocol {
  readonly format: DepositFormat
  readonly #port: number

  constructor({ port, envelopeBytes }: Target) {
    this.#port = port
    this.format = createFormat(envelopeBytes)
  }

  async prepare(): Promise<void> {}

  async connectSender(sender: number, events: SenderEvents): Promise<Link> {
    const connection = new SenderConnection(this.#port, sender, events)
    await connection.connected
    await connection.ready
    return connection
  }

  async connectRecipient(recipient: number, events: RecipientEvents): Promise<Link> {
    const connection = new RecipientConnection(this.#port, recipient, events)
    await connection.connected
    await connection.ready
    return connection
  }
}
