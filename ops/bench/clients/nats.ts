import { once } from 'node:events'
import { connect } from 'node:net'
import type { DepositFormat, Link, Protocol, RecipientEvents, SenderEvents, Target } from './protocol.ts'
import { RawConnection } from './raw-connection.ts'

const STREAM = 'mailboxes'
const IN_FLIGHT = 32
const CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"headers":false,"protocol":1}\r\n'
const LINE_END = 0x0a

const mailboxOf = (recipient: number) => `m.${String(recipient).padStart(4, '0')}`
const deliveryOf = (recipient: number) => `d.${String(recipient).padStart(4, '0')}`
const inboxOf = (sender: number) => `i.${String(sender).padStart(4, '0')}`

/** PUB with a reply subject whose last token is the slot, to which JetStream answers when the message is stored. */
function createFormat(envelopeBytes: number): DepositFormat {
  const build = (sender: number, slot: number) =>
    Buffer.concat([
      Buffer.from(
        `PUB ${mailboxOf(0)} ${inboxOf(sender)}.${String(slot).padStart(2, '0')} ${envelopeBytes}\r\n`,
        'latin1',
      ),
      Buffer.alloc(envelopeBytes, 0xa5),
      Buffer.from('\r\n'),
    ])
  const frameBytes = build(0, 0).length
  const envelopeAt = frameBytes - 2 - envelopeBytes
  return {
    frameBytes,
    fill(frame, sender, slot) {
      build(sender, slot).copy(frame)
    },
    direct(frame, recipient, number) {
      frame.write(mailboxOf(recipient), 4, 'latin1')
      frame.writeUInt32BE(number, envelopeAt)
    },
  }
}

abstract class NatsConnection extends RawConnection implements Link {
  #ready: () => void = () => {}
  readonly ready = new Promise<void>((resolve) => {
    this.#ready = resolve
  })

  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  cork(): void {
    this.socket.cork()
  }

  uncork(): void {
    this.socket.uncork()
  }

  /** @param words of the line `MSG subject sid [reply-to] bytes` @param at where the payload begins */
  protected abstract message(words: string[], buffer: Buffer, at: number): void

  protected override frame(buffer: Buffer, at: number, end: number): number {
    const lineEnd = buffer.indexOf(LINE_END, at)
    if (lineEnd < 0 || lineEnd >= end) return 0
    const payloadAt = lineEnd + 1
    const first = buffer[at]
    if (first === 0x4d) {
      const words = buffer.toString('latin1', at, lineEnd - 1).split(' ')
      const payloadBytes = Number(words.at(-1))
      if (end - payloadAt < Math.min(payloadBytes + 2, 16)) return 0
      this.message(words, buffer, payloadAt)
      return payloadAt - at + payloadBytes + 2
    }
    const line = buffer.toString('latin1', at, lineEnd - 1)
    if (line === 'PING') this.socket.write('PONG\r\n')
    else if (line === 'PONG') this.#ready()
    else if (line.startsWith('-ERR')) throw new Error(`NATS says ${line}`)
    return payloadAt - at
  }
}

class SenderConnection extends NatsConnection {
  readonly #events: SenderEvents

  constructor(port: number, sender: number, events: SenderEvents) {
    super({ port })
    this.#events = events
    this.socket.write(`${CONNECT}SUB ${inboxOf(sender)}.* 1\r\nPING\r\n`)
  }

  protected override message(words: string[], buffer: Buffer, at: number): void {
    const slot = Number((words[1] as string).slice(-2))
    const isStored = buffer.toString('latin1', at, at + 9) === '{"stream"'
    this.#events.answered(slot, isStored)
  }

  protected override lost(): void {
    this.#events.lost()
  }
}

class RecipientConnection extends NatsConnection {
  readonly #events: RecipientEvents
  #acknowledgements = ''

  constructor(port: number, recipient: number, events: RecipientEvents) {
    super({ port })
    this.#events = events
    this.socket.write(`${CONNECT}SUB ${deliveryOf(recipient)} 1\r\nPING\r\n`)
  }

  protected override message(words: string[], buffer: Buffer, at: number): void {
    this.#acknowledgements += `PUB ${words[3]} 0\r\n\r\n` // an empty acknowledgement is +ACK
    this.#events.delivered(buffer.readUInt32BE(at))
  }

  protected override turnEnd(): void {
    if (this.#acknowledgements === '') return
    this.socket.write(this.#acknowledgements, 'latin1')
    this.#acknowledgements = ''
  }

  protected override lost(): void {
    this.#events.lost()
  }
}

/** Sends JetStream requests and waits until each is answered. */
async function request(port: number, requests: [string, object][]): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  let answers = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answers += chunk
  })
  const lines = requests.map(([subject, body]) => {
    const json = JSON.stringify(body)
    return `PUB $JS.API.${subject} control ${json.length}\r\n${json}\r\n`
  })
  socket.write(`${CONNECT}SUB control 1\r\n${lines.join('')}`)
  while (answers.split('MSG control ').length <= requests.length) await once(socket, 'data')
  socket.destroy()
  const problem = /"error":\{[^}]*\}/.exec(answers)
  if (problem) throw new Error(`JetStream refused: ${problem[0]}`)
}

/** NATS JetStream: one work-queue stream in memory, a durable push consumer for each mailbox, explicit acknowledgements. */
export class NatsProtocol implements Protocol {
  readonly format: DepositFormat
  readonly #target: Target

  constructor(target: Target) {
    this.#target = target
    this.format = createFormat(target.envelopeBytes)
  }

  async prepare(): Promise<void> {
    const { port, recipients } = this.#target
    const stream = { name: STREAM, subjects: ['m.*'], retention: 'workqueue', storage: 'memory', num_replicas: 1 }
    await request(port, [[`STREAM.CREATE.${STREAM}`, stream]])
    const consumers = Array.from({ length: recipients }, (_, recipient): [string, object] => {
      const durable = `c${recipient}`
      const config = {
        durable_name: durable,
        deliver_subject: deliveryOf(recipient),
        filter_subject: mailboxOf(recipient),
        deliver_policy: 'all',
        ack_policy: 'explicit',
        max_ack_pending: IN_FLIGHT,
      }
      return [`CONSUMER.DURABLE.CREATE.${STREAM}.${durable}`, { stream_name: STREAM, config }]
    })
    await request(port, consumers)
  }

  async connectSender(sender: number, events: SenderEvents): Promise<Link> {
    const connection = new SenderConnection(this.#target.port, sender, events)
    await connection.connected
    await connection.ready
    return connection
  }

  async connectRecipient(recipient: number, events: RecipientEvents): Promise<Link> {
    const connection = new RecipientConnection(this.#target.port, recipient, events)
    await connection.connected
    await connection.ready
    return connection
  }
}
