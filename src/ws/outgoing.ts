import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Clock } from '../mailbox/ports.ts'
import { CLOSE, type CloseCode } from '../protocol/errors.ts'

/** A reader that is waited for and takes nothing for this long is too slow. */
const STALL_MS = 10_000

/** What goes out on one socket: frames, within a bound on the bytes that wait for a slow reader. */
export class Outgoing {
  readonly #socket: WebSocket
  readonly #clock: Clock
  readonly #limitBytes: number
  #isHeld = false
  #cancelWatch: () => void = () => {}

  /** @param onRoom called when there is room again after `hold` */
  constructor(socket: WebSocket, transport: Socket, clock: Clock, limitBytes: number, onRoom: () => void) {
    this.#socket = socket
    this.#clock = clock
    this.#limitBytes = limitBytes
    transport.on('drain', () => {
      if (!this.#isHeld) return
      this.#isHeld = false
      this.#cancelWatch()
      onRoom()
    })
  }

  send(frame: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(frame)
  }

  close(code: CloseCode): void {
    this.#cancelWatch()
    this.#socket.close(code)
  }

  roomBytes(): number {
    return this.#limitBytes - this.#socket.bufferedAmount
  }

  /** Somebody waits for room. A reader that gives none for too long is cut off. [protocol §6: 4410] */
  hold(): void {
    if (this.#isHeld) return
    this.#isHeld = true
    this.#watch(this.#socket.bufferedAmount)
  }

  /** Ends the connection of a reader that lets answers pile up beyond the bound. @returns whether it did */
  cutOffIfOverfull(): boolean {
    if (this.#socket.bufferedAmount <= this.#limitBytes) return false
    this.close(CLOSE.slowReader)
    return true
  }

  #watch(bufferedBytes: number): void {
    this.#cancelWatch = this.#clock.after(STALL_MS, () => {
      if (this.#socket.bufferedAmount >= bufferedBytes && bufferedBytes > 0) this.close(CLOSE.slowReader)
      else this.#watch(this.#socket.bufferedAmount)
    })
  }
}
