import { CLOSE } from '../protocol/errors.ts'
import type { DeliveryOptions, ReceivedEnvelope } from './delivery.ts'
import { type ClientError, NetworkError, RelayError } from './errors.ts'
import type { Mailbox } from './mailbox.ts'
import { type ChannelOwner, MailboxChannel } from './mailbox-channel.ts'
import { type ChannelReply, type LinkOptions, MailboxLink } from './mailbox-link.ts'
import { parseRelayUrl } from './relay-url.ts'
import { Backoff, RECEIVE_RETRY, type RetryOptions, type RetryPolicy } from './retry.ts'
import { chooseWebSocket, type WebSocketConstructor } from './socket.ts'

/** How a connection for receiving is made and kept. */
export interface MailboxConnectionOptions {
  /** http(s) or ws(s) URL of the relay. Its origin is what signatures are bound to. */
  relay: string | URL
  /** Where the runtime has no WebSocket of its own (Node 20): the one of the package `ws`, for example. */
  WebSocket?: WebSocketConstructor
  /** Without bounds given here it is tried for ever, in the end about every 30 seconds. */
  retry?: RetryOptions
  /** Longest random pause in milliseconds before coming back to a relay that shut down (default 3,000). */
  drainDelayMs?: number
  /** Milliseconds that connecting may take, and then opening (default 20,000). */
  timeoutMs?: number
  /** Milliseconds without a ping or frame that end a connection, where pings can be seen: in `ws` (default 75,000). */
  silenceMs?: number
  /** Told of every connection that was lost or could not be made, before the next try. */
  onDisconnect?: (event: DisconnectEvent) => void
}

export interface DisconnectEvent {
  /** Close code of the socket; 1006 where it went without one. [protocol §6] */
  readonly closeCode: number
  readonly retryInMs: number
}

export interface ReceiveFromOptions extends DeliveryOptions {
  /** Ends the iteration, without an error, and closes the connection that was made for it. */
  signal?: AbortSignal
}

/** Receives for any number of mailboxes over one socket, which is there while one of them is being received. */
export class MailboxConnection implements ChannelOwner {
  readonly #link: LinkOptions
  readonly #policy: RetryPolicy
  readonly #drainDelayMs: number
  readonly #onDisconnect: MailboxConnectionOptions['onDisconnect']
  readonly #backoff: Backoff
  readonly #channels = new Set<MailboxChannel>()
  #current: MailboxLink | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: MailboxConnectionOptions) {
    const { timeoutMs = 20_000, silenceMs = 75_000, drainDelayMs = 3_000, onDisconnect } = options
    const WebSocket = chooseWebSocket(options.WebSocket)
    this.#link = { url: parseRelayUrl(options.relay), WebSocket, timeoutMs, silenceMs }
    this.#policy = { ...RECEIVE_RETRY, ...options.retry }
    this.#drainDelayMs = drainDelayMs
    this.#onDisconnect = onDisconnect
    this.#backoff = new Backoff(this.#policy)
  }

  /**
   * The envelopes of a mailbox, as they come, until the iteration is ended. Nothing happens before the first is asked
   * for. It throws when it cannot go on: DisplacedError, RelayError, UnexpectedAnswerError, NetworkError.
   */
  receive(
    mailbox: Mailbox,
    options: ReceiveFromOptions = {},
  ): AsyncIterableIterator<ReceivedEnvelope, undefined, undefined> {
    const { signal } = options
    const onAbort = (): void => channel.delivery.end()
    const owner: ChannelOwner = {
      add: () => {
        signal?.addEventListener('abort', onAbort, { once: true })
        this.add(channel)
      },
      remove: () => {
        signal?.removeEventListener('abort', onAbort)
        this.remove(channel)
      },
      onSilence: () => this.onSilence(),
      makeRoom: () => this.makeRoom(),
    }
    const settings = { policy: this.#policy, timeoutMs: this.#link.timeoutMs }
    const channel = new MailboxChannel(mailbox, options, owner, settings)
    if (signal?.aborted) channel.delivery.end()
    return channel.delivery
  }

  /** Ends every iteration, without an error. */
  close(): void {
    for (const channel of [...this.#channels]) channel.delivery.end()
  }

  add(channel: MailboxChannel): void {
    this.#channels.add(channel)
    if (this.#current?.isReady) channel.open(this.#current)
    else if (this.#current === undefined && this.#timer === undefined) this.#connect()
  }

  remove(channel: MailboxChannel): void {
    this.#channels.delete(channel)
    if (this.#channels.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#current?.close()
    this.#current = undefined
    this.#backoff.succeed()
  }

  onSilence(): void {
    this.#current?.abandon()
  }

  makeRoom(): boolean {
    if (this.#current === undefined || this.#current.channels <= this.#channels.size) return false
    this.#current.abandon()
    return true
  }

  #connect(): void {
    this.#timer = undefined
    const link = new MailboxLink(this.#link, {
      onReady: () => {
        for (const channel of this.#channels) channel.open(link)
      },
      onReply: (reply) => this.#onReply(link, reply),
      onLost: (closeCode, cause) => this.#onLost(closeCode, cause),
      onFailure: (error) => this.#endAll(error),
    })
    this.#current = link
  }

  #onReply(link: MailboxLink, reply: ChannelReply): void {
    for (const channel of this.#channels) {
      if (channel.number !== reply.channel) continue
      if (reply.kind === 'envelope' || reply.kind === 'drained') this.#backoff.succeed()
      return channel.onReply(reply)
    }
    // Somebody stopped while his OPEN was on its way.
    if (reply.kind === 'opened') link.closeChannel(reply.channel)
  }

  #onLost(closeCode: number, cause: unknown): void {
    this.#current = undefined
    for (const channel of this.#channels) channel.disconnect()
    if (closeCode === CLOSE.malformed) return this.#endAll(new RelayError('ERR_MALFORMED'))
    if (closeCode === CLOSE.tooLarge) return this.#endAll(new RelayError('ERR_TOO_LARGE'))
    const retryInMs = this.#backoff.fail(closeCode === CLOSE.draining ? Math.random() * this.#drainDelayMs : 0)
    if (retryInMs === undefined) return this.#endAll(new NetworkError({ cause }))
    this.#timer = setTimeout(() => this.#connect(), retryInMs)
    this.#onDisconnect?.({ closeCode, retryInMs })
  }

  #endAll(error: ClientError): void {
    this.#current = undefined
    for (const channel of [...this.#channels]) {
      channel.disconnect()
      channel.delivery.end(error)
    }
  }
}
