import { ackFrame, closeFrame, type Mailbox, openFrame, openSignature } from './client.ts'
import { type MailboxFrame, parseMailboxFrame, type Received } from './frames.ts'
import { PATIENCE_MS, QUIET_MS, Socket, type SocketOptions } from './socket.ts'

/** An address that a relay is reached at, and the origin that signatures name. */
export interface Reachable {
  readonly wsUrl: string
  readonly origin: string
}

/** A recipient's socket [protocol §5]. */
export class MailboxSocket extends Socket {
  readonly #origin: string
  #nonce = Buffer.alloc(0)

  constructor(relay: Reachable, options: SocketOptions = {}) {
    super(`${relay.wsUrl}/v1/mailbox`, options)
    this.#origin = relay.origin
  }

  /** The nonce of HELLO. */
  get nonce(): Buffer {
    return this.#nonce
  }

  /** Takes the first frame, which must be HELLO. */
  async hello(): Promise<this> {
    const frame = await this.frame()
    if (frame.type !== 'HELLO') throw new Error(`${frame.type} came before HELLO`)
    this.#nonce = Buffer.from(frame.nonce)
    return this
  }

  async frame(timeoutMs = PATIENCE_MS): Promise<MailboxFrame> {
    return parseMailboxFrame(await this.nextBytes(timeoutMs))
  }

  /** Takes the frames that come until none has come for a while; throws on a close. */
  async restFrames(quietMs = QUIET_MS): Promise<MailboxFrame[]> {
    const arrivals = await this.rest(quietMs)
    return arrivals.map((arrival) => {
      if (arrival.kind === 'close') throw new Error(`closed with ${arrival.code}`)
      return parseMailboxFrame(arrival.bytes)
    })
  }

  /** Sends OPEN without waiting for the answer. */
  sendOpen(channel: number, mailbox: Mailbox, { origin = this.#origin, nonce = this.#nonce } = {}): void {
    this.send(openFrame(channel, mailbox.publicKey, openSignature(mailbox, origin, nonce)))
  }

  /** Opens a mailbox; the next frame must be OPENED. */
  async open(channel: number, mailbox: Mailbox): Promise<void> {
    this.sendOpen(channel, mailbox)
    const frame = await this.frame()
    if (frame.type !== 'OPENED' || frame.channel !== channel) {
      throw new Error(`OPENED ${channel} was awaited, this came: ${JSON.stringify(frame)}`)
    }
  }

  ack(channel: number, ids: readonly string[]): void {
    this.send(ackFrame(channel, ids))
  }

  closeChannel(channel: number): void {
    this.send(closeFrame(channel))
  }

  /** Exactly this many ENVELOPEs of a channel, without anything between them. */
  async envelopes(channel: number, count: number): Promise<Received[]> {
    const received: Received[] = []
    while (received.length < count) {
      const frame = await this.frame()
      if (frame.type !== 'ENVELOPE' || frame.channel !== channel) {
        throw new Error(`${received.length} of ${count} ENVELOPEs, then ${JSON.stringify(frame)}`)
      }
      received.push({ id: frame.id, envelope: frame.envelope })
    }
    return received
  }

  /** This many ENVELOPEs of a channel; wherever the session had fallen behind, DRAINED may stand between. [protocol §5] */
  async envelopesAmidDrained(channel: number, count: number): Promise<Received[]> {
    const received: Received[] = []
    while (received.length < count) {
      const frame = await this.frame()
      if (frame.type === 'DRAINED' && frame.channel === channel) continue
      if (frame.type !== 'ENVELOPE' || frame.channel !== channel) {
        throw new Error(`${received.length} of ${count} ENVELOPEs, then ${JSON.stringify(frame)}`)
      }
      received.push({ id: frame.id, envelope: frame.envelope })
    }
    return received
  }

  /** The ENVELOPEs of a channel up to DRAINED, none of them acknowledged. */
  async untilDrained(channel: number): Promise<Received[]> {
    const received: Received[] = []
    for (;;) {
      const frame = await this.frame()
      if (frame.type === 'DRAINED' && frame.channel === channel) return received
      if (frame.type !== 'ENVELOPE' || frame.channel !== channel) {
        throw new Error(`ENVELOPE or DRAINED was awaited, this came: ${JSON.stringify(frame)}`)
      }
      received.push({ id: frame.id, envelope: frame.envelope })
    }
  }

  /** The ENVELOPEs of a channel up to DRAINED, each acknowledged as it comes. */
  async takeAll(channel: number): Promise<Received[]> {
    const received: Received[] = []
    for (;;) {
      const frame = await this.frame()
      if (frame.type === 'DRAINED') return received
      if (frame.type !== 'ENVELOPE') throw new Error(`ENVELOPE or DRAINED was awaited: ${JSON.stringify(frame)}`)
      this.ack(channel, [frame.id])
      received.push({ id: frame.id, envelope: frame.envelope })
    }
  }
}

/** Opens a recipient's socket and takes HELLO. */
export async function connectMailbox(relay: Reachable, options: SocketOptions = {}): Promise<MailboxSocket> {
  const socket = new MailboxSocket(relay, options)
  await socket.opened()
  return socket.hello()
}

/** What waits in a mailbox, read through a socket and channel of its own, and left there. */
export async function peek(relay: Reachable, mailbox: Mailbox): Promise<Received[]> {
  const socket = await connectMailbox(relay)
  await socket.open(1, mailbox)
  const received = await socket.untilDrained(1)
  await socket.close()
  return received
}
