import { parseDepositAnswer } from '../protocol/deposit-frames.ts'
import { CLOSE } from '../protocol/errors.ts'
import { ConnectBackoff } from './backoff.ts'
import { monotonicMs } from './clock.ts'
import { depositFrame } from './deposit-frame.ts'
import { type Due, Flights } from './flights.ts'
import { FrameSocket, type SocketEnd } from './frame-socket.ts'
import type { Target } from './target.ts'
import { countEnd, type WorkerContext } from './worker-context.ts'

/** What the worker needs of a sender, whichever way it sends. */
export interface Sender {
  /** Whether it would take a deposit now. */
  readonly hasRoom: boolean
  /** Deposits whose answer is still waited for. */
  readonly awaited: number
  readonly isConnected: boolean
  send(due: Due): void
  /** What was sent in this turn goes out. */
  flush(): void
  giveUp(beforeMs: number): void
  connect(): void
  /** Loses its connection, and comes back after that time. */
  leave(awayMs: number): void
  end(): void
}

/** Says which connection an envelope was sent on: 24 bits that only grow. */
let streams = 0

/** Deposits over one WebSocket, which it makes anew whenever it is lost, at the next relay. */
export class SocketSender implements Sender {
  readonly #context: WorkerContext
  readonly #flights: Flights
  readonly #backoff = new ConnectBackoff()
  #target: number
  #socket: FrameSocket | undefined
  #stream = 0
  #isCorked = false
  #isEnded = false
  #hasConnected = false
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param target index of the relay that it starts with */
  constructor(context: WorkerContext, target: number) {
    this.#context = context
    this.#flights = new Flights(context)
    this.#target = target
  }

  get hasRoom(): boolean {
    return this.isConnected && this.#flights.awaited < this.#context.plan.inFlight
  }

  get awaited(): number {
    return this.#flights.awaited
  }

  get isConnected(): boolean {
    return this.#socket?.isOpen === true
  }

  send(due: Due): void {
    const socket = this.#socket
    if (socket === undefined) return
    this.#flights.begin(due)
    this.#write(socket, due)
  }

  #write(socket: FrameSocket, due: Due): void {
    const { pool, mask, runId, worker } = this.#context
    const { number, mailbox, dueMs, lane, address, ttlSeconds, envelopeBytes } = due
    const stamp = { worker, number, mailbox, stream: this.#stream, dueMs, lane }
    if (!this.#isCorked) {
      this.#isCorked = true
      socket.cork()
    }
    socket.sendFrame(depositFrame(pool, mask, runId, { ref: number, ttlSeconds, address, envelopeBytes, stamp }))
  }

  flush(): void {
    if (!this.#isCorked) return
    this.#isCorked = false
    this.#socket?.uncork()
  }

  giveUp(beforeMs: number): void {
    this.#flights.giveUp(beforeMs)
  }

  connect(): void {
    const { targets, mask, nextLocalAddress } = this.#context
    const target = targets[this.#target % targets.length] as Target
    const socket: FrameSocket = new FrameSocket(
      target,
      '/v1/deposit',
      mask,
      {
        onOpen: () => this.#onOpen(socket),
        onMessage: (payload) => this.#onAnswer(payload),
        onTurn: () => undefined,
        onEnd: (end, httpStatus) => this.#onEnd(socket, end, httpStatus),
      },
      nextLocalAddress(),
    )
    this.#socket = socket
  }

  leave(awayMs: number): void {
    if (this.#socket === undefined) return
    const socket = this.#socket
    this.#socket = undefined
    this.#isCorked = false
    socket.terminate()
    this.#flights.allLost()
    this.#later(awayMs)
  }

  end(): void {
    this.#isEnded = true
    clearTimeout(this.#timer)
    this.#socket?.close()
  }

  #onOpen(socket: FrameSocket): void {
    const { connections } = this.#context
    this.#backoff.succeed()
    this.#stream = ++streams & 0xff_ffff
    for (const due of this.#flights.unanswered()) this.#write(socket, due)
    this.flush()
    connections.depositConnects++
    if (this.#hasConnected) connections.reconnects++
    this.#hasConnected = true
  }

  #onAnswer(payload: Buffer): void {
    const answer = parseDepositAnswer(payload)
    if (answer.kind === 'accepted') this.#flights.accepted(answer.ref)
    else this.#flights.refused(answer.ref, answer.number)
  }

  #onEnd(socket: FrameSocket, end: SocketEnd, httpStatus: number | undefined): void {
    if (socket !== this.#socket) return
    this.#socket = undefined
    this.#isCorked = false
    // A relay that shuts down has stored nothing that it has not answered. [protocol §6: 1001]
    if (end !== CLOSE.draining || this.#isEnded) this.#flights.allLost()
    if (this.#isEnded) return
    countEnd(this.#context.connections, end, httpStatus)
    this.#target++
    this.#later(this.#backoff.fail())
  }

  #later(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (!this.#isEnded && this.#socket === undefined) this.connect()
    }, delayMs)
  }
}

/** The moment before which deposits are given up. */
export function giveUpBeforeMs(answerSeconds: number): number {
  return monotonicMs() - answerSeconds * 1_000
}
