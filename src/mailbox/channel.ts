import { CLOSE, type CloseCode, ERRORS } from '../protocol/errors.ts'
import { ENVELOPE_HEADER_BYTES, encodeMailboxReply, writeEnvelopeHeader } from '../protocol/mailbox-frames.ts'
import type { Counts } from './counts.ts'
import type { SessionOutlet } from './delivery-session.ts'

/** What the channels of one connection need of it. */
export interface ChannelHost {
  readonly counts: Counts
  send(frame: Uint8Array): void
  /** As FrameSocket's. */
  sendAndWipe(bytes: Uint8Array, frameOffset: number): void
  /** The channel is open no longer. */
  forget(channel: number): void
  close(code: CloseCode): void
  /** @returns for how many of the wanted frames room was set aside */
  takeRoom(wanted: number, frameBytes: number): number
  freeRoom(bytes: number): void
}

/** One channel of a mailbox socket: turns what its session does into frames. [protocol §5] */
export class Channel implements SessionOutlet {
  readonly #channel: number
  readonly #host: ChannelHost
  #isOpen = false

  constructor(channel: number, host: ChannelHost) {
    this.#channel = channel
    this.#host = host
  }

  opened(): void {
    this.#isOpen = true
    this.#host.counts.openMailbox(1)
    this.#say('opened')
  }

  envelope(id: Uint8Array, bytes: Uint8Array, envelopeOffset: number): void {
    const frameOffset = envelopeOffset - ENVELOPE_HEADER_BYTES
    writeEnvelopeHeader(bytes, frameOffset, this.#channel, id)
    this.#host.sendAndWipe(bytes, frameOffset)
  }

  drained(): void {
    this.#say('drained')
  }

  displaced(): void {
    this.closed()
    this.#say('displaced')
  }

  unavailable(): void {
    this.closed()
    const { number } = ERRORS.ERR_STORE_UNAVAILABLE
    this.#host.send(encodeMailboxReply({ kind: 'error', channel: this.#channel, number }))
  }

  storeLost(): void {
    this.closed()
    this.#host.close(CLOSE.storeLost)
  }

  closed(): void {
    this.#host.forget(this.#channel)
    if (this.#isOpen) this.#host.counts.openMailbox(-1)
    this.#isOpen = false
  }

  takeRoom(wanted: number, envelopeBytes: number): number {
    return this.#host.takeRoom(wanted, envelopeBytes + ENVELOPE_HEADER_BYTES)
  }

  freeRoom(envelopes: number, envelopeBytes: number): void {
    this.#host.freeRoom(envelopes * (envelopeBytes + ENVELOPE_HEADER_BYTES))
  }

  #say(kind: 'opened' | 'drained' | 'displaced'): void {
    this.#host.send(encodeMailboxReply({ kind, channel: this.#channel }))
  }
}
