import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Clock } from '../mailbox/ports.ts'
import { CLOSE, type CloseCode } from '../protocol/errors.ts'
import { corkForTurn } from './turn.ts'

/** A reader that is waited for and takes nothing for this long is too slow. */
const STALL_MS = 10_000

/** What Node was measured to need beside the bytes of a frame that waits: two writes and their places in lists. */
const FRAME_OVERHEAD_BYTES = 700

/** What goes out on one socket: frames, within a bound on the bytes that wait for a slow reader. */
export class Outgoing {
  readonly #socket: WebSocket
  readonly #transport: Socket
  readonly #clock: Clock
  readonly #limitBytes: number
  readonly #onRoom: () => void
  /** Frames on their way, in order: those to be overwritten when they are out, and undefined for the others. */
  readonly #waiting: (Uint8Array | undefined)[] = []
  #isHeld = false
  #closedWith: CloseCode | undefined
  #cancelWatch: () => void = () => {}

  /** @param onRoom called when there is room again after `hold` */
  constructor(socket: WebSocket, transport: Socket, clock: Clock, limitBytes: number, onRoom: () => void) {
    this.#socket = socket
    this.#transport = transport
    this.#clock = clock
    this.#limitBytes = limitBytes
    this.#onRoom = onRoom
  }

  send(frame: Uint8Array): void {
    this.#send(frame, undefined)
  }

  sendAndWipe(frame: Uint8Array): void {
    this.#send(frame, frame)
  }

  /** What the relay closed the socket with; undefined where it did not. */
  get closedWith(): CloseCode | undefined {
    return this.#closedWith
  }

  close(code: CloseCode): void {
    this.#cancelWatch()
    if (this.#socket.readyState === this.#socket.OPEN) this.#closedWith = code
    this.#socket.close(code)
  }

  roomBytes(): number {
    return this.#limitBytes - this.#waitingBytes
  }

  /** Somebody waits for room. A reader that gives none for too long is cut off. [protocol §6: 4410] */
  hold(): void {
    if (this.#isHeld) return
    this.#isHeld = true
    this.#watch(this.#waitingBytes)
  }

  /** Ends the connection of a reader that lets answers pile up beyond the bound. @returns whether it did */
  cutOffIfOverfull(): boolean {
    if (this.#waitingBytes <= this.#limitBytes) return false
    this.close(CLOSE.slowReader)
    return true
  }

  #send(frame: Uint8Array, wiped: Uint8Array | undefined): void {
    if (this.#socket.readyState !== this.#socket.OPEN) {
      wiped?.fill(0)
      return
    }
    this.#waiting.push(wiped)
    corkForTurn(this.#transport)
    this.#socket.send(frame, this.#onSent)
  }

  get #waitingBytes(): number {
    return this.#socket.bufferedAmount + this.#waiting.length * FRAME_OVERHEAD_BYTES
  }

  // One function for every frame, so that Node can report many of them with one call. Not the transport's `drain`: that
  // is silent as long as every write is taken at once.
  readonly #onSent = (): void => {
    this.#waiting.shift()?.fill(0)
    if (!this.#isHeld || this.#waiting.length > 0) return
    this.#isHeld = false
    this.#cancelWatch()
    this.#onRoom()
  }

  #watch(waitingBytes: number): void {
    this.#cancelWatch = this.#clock.after(STALL_MS, () => {
      if (this.#waitingBytes >= waitingBytes && waitingBytes > 0) this.close(CLOSE.slowReader)
      else this.#watch(this.#waitingBytes)
    })
  }
}
