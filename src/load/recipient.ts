import { ENVELOPE_ID_BYTES } from '../protocol/envelope.ts'
import {
  ENVELOPE_HEADER_BYTES,
  encodeMailboxRequest,
  MAX_ACK_IDS,
  parseMailboxReply,
} from '../protocol/mailbox-frames.ts'
import { ConnectBackoff } from './backoff.ts'
import { monotonicMs } from './clock.ts'
import { FrameSocket, type SocketEnd } from './frame-socket.ts'
import { type MailboxKey, signOpen } from './keys.ts'
import { Reading } from './reading.ts'
import type { Target } from './target.ts'
import { countEnd, type WorkerContext } from './worker-context.ts'

const CHANNEL = 1
const ENVELOPE_TYPE = 0x83

/** How a recipient behaves. Times in milliseconds. */
export interface RecipientHabits {
  /** Pause after each piece of the stream; 0: none. */
  slowPauseMs: number
  /** How long it is away before it comes, empties its mailbox and leaves again; undefined: it stays. */
  awayMs: number | undefined
}

const STAY_MS = 1_000

/** Reads one mailbox over a connection of its own, acknowledges, and comes back when the connection is lost. */
export class Recipient {
  readonly #context: WorkerContext
  readonly #key: MailboxKey
  readonly #mailbox: number
  readonly #habits: RecipientHabits
  readonly #backoff = new ConnectBackoff()
  #target: number
  #socket: FrameSocket | undefined
  #reading: Reading | undefined
  #connectingMs = 0
  #ids: Buffer[] = []
  #isWanted = false
  #hasConnected = false
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Told when the mailbox is drained after an OPEN. */
  onDrained: () => void = () => undefined

  constructor(context: WorkerContext, key: MailboxKey, mailbox: number, habits: RecipientHabits) {
    this.#context = context
    this.#key = key
    this.#mailbox = mailbox
    this.#habits = habits
    this.#target = mailbox
  }

  /** Whether it is meant to be away now. */
  get isAway(): boolean {
    return !this.#isWanted
  }

  /** Opens its mailbox, and keeps it open. */
  come(): void {
    this.#isWanted = true
    clearTimeout(this.#timer)
    if (this.#socket === undefined) this.#connect()
  }

  /** Loses its connection, and comes back after that time. */
  leave(awayMs: number): void {
    this.#drop(false)
    this.#later(awayMs)
  }

  /** Goes away in good order; comes by itself if that is its habit. */
  goAway(): void {
    this.#isWanted = false
    this.#drop(true)
    const { awayMs } = this.#habits
    if (awayMs === undefined || awayMs === 0) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.come(), awayMs * (0.5 + Math.random()))
  }

  /** Comes and stays, and reads as fast as it can. */
  gather(): void {
    this.#habits.awayMs = undefined
    this.#habits.slowPauseMs = 0
    this.#socket?.resume()
    this.come()
  }

  /** Opens the mailbox anew, so that all that waits is sent again. */
  reopen(): void {
    this.#drop(true)
    this.come()
  }

  end(): void {
    this.#isWanted = false
    clearTimeout(this.#timer)
    this.#drop(true)
  }

  #connect(): void {
    const { targets, mask, nextLocalAddress } = this.#context
    const target = targets[this.#target % targets.length] as Target
    this.#connectingMs = monotonicMs()
    const socket: FrameSocket = new FrameSocket(
      target,
      '/v1/mailbox',
      mask,
      {
        onOpen: () => undefined,
        onMessage: (payload) => this.#onFrame(socket, target, payload),
        onTurn: () => this.#onTurn(socket),
        onEnd: (end, httpStatus) => this.#onEnd(socket, end, httpStatus),
      },
      nextLocalAddress(),
    )
    this.#socket = socket
  }

  #onFrame(socket: FrameSocket, target: Target, payload: Buffer): void {
    if (socket !== this.#socket) return
    if (payload[0] === ENVELOPE_TYPE) return this.#onEnvelope(payload)
    const reply = parseMailboxReply(payload)
    if (reply.kind === 'hello') {
      const signature = signOpen(this.#key, target.signedOrigin, reply.nonce)
      socket.send(encodeMailboxRequest({ kind: 'open', channel: CHANNEL, publicKey: this.#key.publicKey, signature }))
    } else if (reply.kind === 'opened') this.#onOpened()
    else if (reply.kind === 'drained') this.#onDrained()
    else if (reply.kind === 'error') this.#fail(socket, `error ${reply.number}`)
    else if (reply.kind === 'displaced') this.#fail(socket, 'displaced')
  }

  #onOpened(): void {
    const { connections, latencies } = this.#context
    this.#backoff.succeed()
    connections.mailboxConnects++
    if (this.#hasConnected) connections.reconnects++
    this.#hasConnected = true
    latencies.open.record(monotonicMs() - this.#connectingMs)
    this.#reading = new Reading(this.#context, this.#mailbox)
  }

  #onDrained(): void {
    const { latencies } = this.#context
    const isFirst = this.#reading?.drained() ?? false
    if (!isFirst) return
    latencies.drain.record(monotonicMs() - this.#connectingMs)
    this.onDrained()
    if (this.#habits.awayMs === undefined) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.goAway(), STAY_MS)
  }

  #onEnvelope(payload: Buffer): void {
    const id = payload.subarray(ENVELOPE_HEADER_BYTES - ENVELOPE_ID_BYTES, ENVELOPE_HEADER_BYTES)
    this.#reading?.arrived(id, payload.subarray(ENVELOPE_HEADER_BYTES))
    if (this.#ids.push(id) === MAX_ACK_IDS) this.#acknowledge()
  }

  #onTurn(socket: FrameSocket): void {
    this.#acknowledge()
    const { slowPauseMs } = this.#habits
    if (slowPauseMs === 0) return
    socket.pause()
    setTimeout(() => socket.resume(), slowPauseMs)
  }

  #acknowledge(): void {
    if (this.#ids.length === 0) return
    this.#socket?.send(encodeMailboxRequest({ kind: 'ack', channel: CHANNEL, ids: Buffer.concat(this.#ids) }))
    this.#ids = []
  }

  #fail(socket: FrameSocket, what: string): void {
    const { ends } = this.#context.connections
    ends[what] = (ends[what] ?? 0) + 1
    if (socket !== this.#socket) return
    this.#drop(false)
    this.#target++
    this.#later(this.#backoff.fail())
  }

  #onEnd(socket: FrameSocket, end: SocketEnd, httpStatus: number | undefined): void {
    if (socket !== this.#socket) return
    this.#forget()
    countEnd(this.#context.connections, end, httpStatus)
    this.#target++
    this.#later(this.#backoff.fail())
  }

  #drop(inGoodOrder: boolean): void {
    const socket = this.#socket
    if (inGoodOrder) this.#acknowledge()
    this.#forget()
    if (inGoodOrder) socket?.close()
    else socket?.terminate()
  }

  #forget(): void {
    this.#socket = undefined
    this.#reading?.closed()
    this.#reading = undefined
    this.#ids = []
  }

  #later(delayMs: number): void {
    clearTimeout(this.#timer)
    if (!this.#isWanted) return
    this.#timer = setTimeout(() => {
      if (this.#isWanted && this.#socket === undefined) this.#connect()
    }, delayMs)
  }
}
