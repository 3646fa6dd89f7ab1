import { MalformedError } from '../protocol/bytes.ts'
import { CLOSE, type CloseCode, ERRORS, type ErrorCode } from '../protocol/errors.ts'
import {
  encodeMailboxReply,
  type MailboxRequest,
  NONCE_BYTES,
  openPreimage,
  parseMailboxRequest,
} from '../protocol/mailbox-frames.ts'
import { type Allowance, COST_BYTES, type Verdict } from './admission.ts'
import { Channel, type ChannelHost } from './channel.ts'
import type { Counts } from './counts.ts'
import { DeliverySession, type SessionParts } from './delivery-session.ts'
import { addressOf, type OriginProofs } from './proof.ts'
import { queuesOf, type StoreSecrets } from './store-secrets.ts'

/** What a connection needs of its socket. */
export interface FrameSocket {
  /** @param frame 125 bytes at most */
  send(frame: Uint8Array): void
  /**
   * Sends what stands in `bytes` after `frameOffset`, and overwrites it when it is out.
   * @param frameOffset TRANSPORT_ROOM_BYTES or more, which the socket may use
   */
  sendAndWipe(bytes: Uint8Array, frameOffset: number): void
  /** Frames that were sent before still arrive. */
  close(code: CloseCode): void
  /** Bytes that may still be sent now. */
  roomBytes(): number
  /** Sets so many of them aside, or gives them back where it is less than nothing. */
  reserve(bytes: number): void
  /** Envelopes wait for room: `MailboxConnection.roomAgain` is to be called when there is some. */
  hold(): void
}

export interface MailboxConnectionParts extends SessionParts {
  secrets: StoreSecrets
  proofs: OriginProofs
}

type Open = Extract<MailboxRequest, { kind: 'open' }>

/** A socket on which nobody has sent an OPEN is closed after this time. [protocol §6] */
const OPEN_TIMEOUT_MS = 10_000
const MAX_FAILED_OPENS = 3

const nothing = () => {}

/** One mailbox socket: frames in, frames out, any number of mailboxes. Knows no WebSocket. [protocol §5] */
export class MailboxConnection implements ChannelHost {
  readonly #parts: MailboxConnectionParts
  readonly #socket: FrameSocket
  readonly #allowance: Allowance
  readonly #nonce: Uint8Array
  /** Every channel number that was used, and what became of it. */
  readonly #channels = new Map<number, DeliverySession | 'checking' | 'closed'>()
  #isEnded = false
  #failedOpens = 0
  #lastOpen: Promise<void> = Promise.resolve()
  #cancelTimeout: () => void
  #cancelPause: (() => void) | undefined

  /** Says HELLO at once. */
  constructor(parts: MailboxConnectionParts, socket: FrameSocket, allowance: Allowance) {
    this.#parts = parts
    this.#socket = socket
    this.#allowance = allowance
    this.#nonce = parts.random.bytes(NONCE_BYTES)
    this.#cancelTimeout = parts.clock.after(OPEN_TIMEOUT_MS, () => this.close(CLOSE.idle))
    socket.send(encodeMailboxReply({ kind: 'hello', nonce: this.#nonce }))
  }

  /** @param frame a whole binary message; views on it are kept until its OPEN is checked */
  receive(frame: Uint8Array): void {
    if (this.#isEnded) return
    let request: MailboxRequest
    try {
      request = parseMailboxRequest(frame)
    } catch (error) {
      if (error instanceof MalformedError) return this.close(CLOSE.malformed)
      throw error
    }
    const signatureBytes = request.kind === 'open' ? COST_BYTES.signature : 0
    const verdict = this.#allowance.ask(frame.length + COST_BYTES.frame + signatureBytes)
    if (verdict === 'ended') return this.close(CLOSE.rateLimited)
    if (request.kind === 'open') this.#receiveOpen(request, verdict)
    else if (request.kind === 'ack') this.#sessionOf(request.channel)?.acknowledge(request.ids)
    else this.#closeChannel(request.channel)
  }

  /** To be called when a socket that had no room has some. */
  roomAgain(): void {
    for (const channel of this.#channels.keys()) this.#sessionOf(channel)?.resumeSending()
  }

  /** Sends the recipient elsewhere, since this instance is shutting down. */
  drain(): void {
    this.close(CLOSE.draining)
  }

  /** The socket is gone. */
  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#cancelTimeout()
    this.#cancelPause?.()
    for (const channel of this.#channels.keys()) this.#closeChannel(channel)
  }

  get counts(): Counts {
    return this.#parts.counts
  }

  send(frame: Uint8Array): void {
    this.#socket.send(frame)
  }

  sendAndWipe(bytes: Uint8Array, frameOffset: number): void {
    this.#allowance.charge(bytes.length - frameOffset + COST_BYTES.frame)
    this.#socket.sendAndWipe(bytes, frameOffset)
  }

  forget(channel: number): void {
    this.#channels.set(channel, 'closed')
  }

  takeRoom(wanted: number, frameBytes: number): number {
    const debtMs = this.#allowance.debtMs()
    if (debtMs > 0) {
      this.#goOnIn(debtMs)
      return 0
    }
    const fitting = Math.floor(this.#socket.roomBytes() / frameBytes)
    const taken = Math.max(0, Math.min(wanted, fitting))
    if (taken < wanted) this.#socket.hold()
    this.#socket.reserve(taken * frameBytes)
    return taken
  }

  freeRoom(bytes: number): void {
    this.#socket.reserve(-bytes)
  }

  /** Ends every channel, and the socket. */
  close(code: CloseCode): void {
    if (this.#isEnded) return
    this.end()
    this.#socket.close(code)
  }

  #receiveOpen(open: Open, verdict: Verdict): void {
    this.#cancelTimeout()
    this.#cancelTimeout = nothing
    if (this.#channels.has(open.channel)) return this.close(CLOSE.malformed)
    if (this.#channels.size >= this.#parts.policy.maxChannels) {
      return this.#fail(open.channel, 'ERR_TOO_MANY_CHANNELS')
    }
    if (verdict === 'limited') return this.#fail(open.channel, 'ERR_RATE_LIMITED')
    this.#channels.set(open.channel, 'checking')
    // One check at a time, so that a flood of bad signatures ends with the third and not in the queue of the thread pool.
    this.#lastOpen = this.#lastOpen.then(() => this.#check(open))
  }

  async #check(open: Open): Promise<void> {
    if (this.#isEnded) return
    const preimageOf = (originHash: Uint8Array) => openPreimage(originHash, this.#nonce)
    const isProven = await this.#parts.proofs.isSigned(open.publicKey, open.signature, preimageOf)
    if (this.#isEnded) return
    if (!isProven) {
      this.#channels.set(open.channel, 'closed')
      this.#failedOpens++
      if (this.#failedOpens >= MAX_FAILED_OPENS) this.close(CLOSE.unproven)
      else this.#fail(open.channel, 'ERR_SIGNATURE')
      return
    }
    if (this.#channels.get(open.channel) !== 'checking') return
    const address = addressOf(open.publicKey)
    const queues = queuesOf(this.#parts.secrets, address)
    for (const bytes of [address, open.publicKey, open.signature]) bytes.fill(0)
    const session = new DeliverySession(this.#parts, queues, new Channel(open.channel, this))
    this.#channels.set(open.channel, session)
    void session.open()
  }

  /** What has been sent is to be paid off before more is. */
  #goOnIn(delayMs: number): void {
    this.#cancelPause ??= this.#parts.clock.after(delayMs, () => {
      this.#cancelPause = undefined
      this.roomAgain()
    })
  }

  #closeChannel(channel: number): void {
    if (this.#channels.get(channel) === 'checking') this.#channels.set(channel, 'closed')
    else this.#sessionOf(channel)?.close()
  }

  #sessionOf(channel: number): DeliverySession | undefined {
    const session = this.#channels.get(channel)
    return typeof session === 'object' ? session : undefined
  }

  #fail(channel: number, code: ErrorCode): void {
    this.#socket.send(encodeMailboxReply({ kind: 'error', channel, number: ERRORS[code].number }))
  }
}
