import { encodeMailboxRequest, type MailboxReply, parseMailboxReply } from '../protocol/mailbox-frames.ts'
import { type ClientError, UnexpectedAnswerError } from './errors.ts'
import { type Mailbox, signOpen } from './mailbox.ts'
import type { RelayUrl } from './relay-url.ts'
import { CLOSE_ABNORMAL, openSocket, type Socket, type WebSocketConstructor } from './socket.ts'

const MAX_CHANNEL = 0xffff
const CHECKS_PER_SILENCE = 5

/** Where and how a link is made. Times in milliseconds. */
export interface LinkOptions {
  readonly url: RelayUrl
  readonly WebSocket: WebSocketConstructor
  /** How long connecting may take, until HELLO; and each OPEN, until its answer. */
  readonly timeoutMs: number
  /** How long nothing may be heard, where the relay's pings can be seen. */
  readonly silenceMs: number
}

export type ChannelReply = Exclude<MailboxReply, { kind: 'hello' }>

/** After `onLost` or `onFailure` comes nothing more. */
export interface LinkEvents {
  /** HELLO has come: channels can be opened. */
  onReady(): void
  onReply(reply: ChannelReply): void
  onLost(closeCode: number, cause?: unknown): void
  onFailure(error: ClientError): void
}

/** One mailbox socket, from connecting to its end: HELLO, channel numbers, frames, silence. [protocol §5] */
export class MailboxLink {
  readonly #options: LinkOptions
  readonly #events: LinkEvents
  readonly #socket: Socket
  readonly #helloTimer: ReturnType<typeof setTimeout>
  readonly #silenceTimer: ReturnType<typeof setInterval>
  #nonce: Uint8Array | undefined
  #channels = 0

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options
    this.#events = events
    this.#helloTimer = setTimeout(() => this.abandon(), options.timeoutMs)
    this.#silenceTimer = setInterval(() => this.#checkSilence(), options.silenceMs / CHECKS_PER_SILENCE)
    this.#socket = openSocket(`${options.url.socketOrigin}/v1/mailbox`, options.WebSocket, {
      onOpen: () => undefined,
      onFrame: (frame) => this.#onReply(parseMailboxReply(frame)),
      onClose: (code, cause) => {
        this.#stopTimers()
        events.onLost(code, cause)
      },
      onFailure: (error) => {
        this.#stopTimers()
        events.onFailure(error)
      },
    })
  }

  get isReady(): boolean {
    return this.#nonce !== undefined
  }

  /** How many channels were opened so far, all of which count against the relay's limit. */
  get channels(): number {
    return this.#channels
  }

  /** Sends OPEN on a channel number that was not used before, and gives it; undefined where none is left. */
  open(mailbox: Mailbox): number | undefined {
    if (this.#nonce === undefined || this.#channels > MAX_CHANNEL) return undefined
    const channel = this.#channels++
    const { publicKey } = mailbox
    const signature = signOpen(mailbox, this.#options.url.origin, this.#nonce)
    this.#socket.send(encodeMailboxRequest({ kind: 'open', channel, publicKey, signature }))
    return channel
  }

  /** @param ids 1 to 64 ids, back to back */
  ack(channel: number, ids: Uint8Array): void {
    this.#socket.send(encodeMailboxRequest({ kind: 'ack', channel, ids }))
  }

  closeChannel(channel: number): void {
    this.#socket.send(encodeMailboxRequest({ kind: 'close', channel }))
  }

  /** Closes without an event. */
  close(): void {
    this.#stopTimers()
    this.#socket.close()
  }

  /** Closes a connection that does not answer, and says that it was lost. */
  abandon(): void {
    this.close()
    this.#events.onLost(CLOSE_ABNORMAL)
  }

  #onReply(reply: MailboxReply): void {
    if (reply.kind !== 'hello') {
      if (this.isReady) this.#events.onReply(reply)
      return
    }
    if (this.isReady) throw new UnexpectedAnswerError()
    clearTimeout(this.#helloTimer)
    this.#nonce = reply.nonce
    this.#events.onReady()
  }

  #checkSilence(): void {
    const isSilent = performance.now() - this.#socket.heardMs > this.#options.silenceMs
    if (isSilent && this.#socket.seesPings && this.isReady) this.abandon()
  }

  #stopTimers(): void {
    clearTimeout(this.#helloTimer)
    clearInterval(this.#silenceTimer)
  }
}
