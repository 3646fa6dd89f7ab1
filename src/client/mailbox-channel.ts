import { errorCodeOf } from '../protocol/errors.ts'
import { Delivery, type DeliveryOptions } from './delivery.ts'
import { type ClientError, DisplacedError, RelayError, UnexpectedAnswerError } from './errors.ts'
import type { Mailbox } from './mailbox.ts'
import type { ChannelReply, MailboxLink } from './mailbox-link.ts'
import { Backoff, isTransientCode, type RetryPolicy } from './retry.ts'

/** What a channel needs of the connection it is on. */
export interface ChannelOwner {
  /** The mailbox is wanted: connect if need be, and `open` when that is done. */
  add(channel: MailboxChannel): void
  /** The mailbox is no longer wanted. */
  remove(channel: MailboxChannel): void
  /** An OPEN was not answered in time. */
  onSilence(): void
  /** ERROR 12. Gives true where a new connection would have room, and makes one. */
  makeRoom(): boolean
}

/** One mailbox being received, through all channel numbers and connections that this takes. [protocol §5] */
export class MailboxChannel {
  readonly mailbox: Mailbox
  readonly delivery: Delivery
  readonly #owner: ChannelOwner
  readonly #backoff: Backoff
  readonly #timeoutMs: number
  #link: MailboxLink | undefined
  #number: number | undefined
  #isOpen = false
  /** Runs out when an OPEN was not answered, or when it is time for the next one. */
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    mailbox: Mailbox,
    options: DeliveryOptions,
    owner: ChannelOwner,
    settings: { policy: RetryPolicy; timeoutMs: number },
  ) {
    this.mailbox = mailbox
    this.#owner = owner
    this.#backoff = new Backoff(settings.policy)
    this.#timeoutMs = settings.timeoutMs
    this.delivery = new Delivery(options, {
      start: () => owner.add(this),
      sendAcks: (ids) => this.#sendAcks(ids),
      stop: () => this.#stop(),
    })
  }

  /** The channel number it has on the present link, where it has one. */
  get number(): number | undefined {
    return this.#number
  }

  /** Sends OPEN with a new number. */
  open(link: MailboxLink): void {
    this.disconnect()
    this.#link = link
    this.#number = link.open(this.mailbox)
    // Without a number left the connection has lived long enough; the same as one that does not answer.
    this.#timer = setTimeout(() => this.#owner.onSilence(), this.#number === undefined ? 0 : this.#timeoutMs)
  }

  /** The link is gone. */
  disconnect(): void {
    clearTimeout(this.#timer)
    this.#link = undefined
    this.#number = undefined
    this.#isOpen = false
    this.delivery.disconnect()
  }

  onReply(reply: ChannelReply): void {
    switch (reply.kind) {
      case 'opened':
        clearTimeout(this.#timer)
        this.#isOpen = true
        return this.delivery.flush()
      case 'envelope':
        this.#backoff.succeed()
        return this.delivery.push(reply.id, reply.envelope)
      case 'drained':
        this.#backoff.succeed()
        return this.delivery.pushDrained()
      case 'displaced':
        return this.#end(new DisplacedError())
      case 'error':
        return this.#onError(reply.number)
      default:
        reply satisfies never
    }
  }

  #onError(number: number): void {
    const code = errorCodeOf(number)
    if (code === 'ERR_TOO_MANY_CHANNELS' && this.#owner.makeRoom()) return
    if (code === undefined) return this.#end(new UnexpectedAnswerError())
    const delayMs = isTransientCode(code) ? this.#backoff.fail() : undefined
    if (delayMs === undefined) return this.#end(new RelayError(code))
    const link = this.#link
    this.disconnect()
    this.#timer = setTimeout(() => link && this.open(link), delayMs)
  }

  /** Ends with an error from the relay, after which the channel is not open and needs no CLOSE. */
  #end(error: ClientError): void {
    this.disconnect()
    this.delivery.end(error)
  }

  #sendAcks(ids: Uint8Array): boolean {
    if (!this.#isOpen || this.#link === undefined || this.#number === undefined) return false
    this.#link.ack(this.#number, ids)
    return true
  }

  #stop(): void {
    if (this.#number !== undefined) this.#link?.closeChannel(this.#number)
    clearTimeout(this.#timer)
    this.#owner.remove(this)
  }
}
