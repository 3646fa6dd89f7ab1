import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Clock } from '../mailbox/ports.ts'
import { CLOSE, type CloseCode } from '../protocol/errors.ts'
import type { OutgoingBudget, Waiter } from './outgoing-budget.ts'
import { type FramesOfTurn, flushAfterTurn } from './turn.ts'

/** A reader that is waited for and takes nothing for this long is too slow. */
const STALL_MS = 10_000

/** What Node was measured to need beside the bytes of a frame that waits: its writes and their places in lists. */
const FRAME_OVERHEAD_BYTES = 700

/** More than whoever reads at all lets wait of answers. */
const SPARED_BYTES = 16_000

/** First byte of a frame that is a whole binary message, and the bytes of a header before 126 bytes at most. [RFC6455-5.2] */
const WHOLE_BINARY = 0x82
const SHORT_HEADER_BYTES = 2
const LONGEST_SHORT = 125
/** Of short frames that are written as one piece; 36 answers to deposits. */
const RUN_BYTES = 256

/**
 * What goes out on one socket: frames, within a bound on the bytes that wait for a slow reader, and one on those of all
 * sockets together. What one turn of the event loop gives goes to the transport together, past `ws`, whose part would be two
 * writes for each frame: it is never masked, never compressed, and a message is always one frame.
 */
export class Outgoing implements FramesOfTurn, Waiter {
  readonly #socket: WebSocket
  readonly #transport: Socket
  readonly #clock: Clock
  readonly #limitBytes: number
  readonly #budget: OutgoingBudget
  readonly #onRoom: () => void
  /** What is on its way, in order, to be overwritten when it is out. */
  readonly #waiting: Uint8Array[] = []
  /** Frames of this turn, headers included. */
  #turn: Uint8Array[] = []
  /** Short frames that follow each other, with room for more, since a write costs more than so few bytes. */
  #run: Buffer | undefined
  #runBytes = 0
  #turnBytes = 0
  /** Room that was promised, for frames that are not here yet. */
  #reservedBytes = 0
  /** What the budget was told that there is. */
  #toldBytes = 0
  #isHeld = false
  #isEnded = false
  #closedWith: CloseCode | undefined
  #cancelWatch: () => void = () => {}

  /** @param onRoom called when there is room again after `hold` */
  constructor(
    socket: WebSocket,
    transport: Socket,
    clock: Clock,
    { limitBytes, budget }: { limitBytes: number; budget: OutgoingBudget },
    onRoom: () => void,
  ) {
    this.#socket = socket
    this.#transport = transport
    this.#clock = clock
    this.#limitBytes = limitBytes
    this.#budget = budget
    this.#onRoom = onRoom
  }

  /** @param frame 125 bytes at most; copied */
  send(frame: Uint8Array): void {
    if (frame.length > LONGEST_SHORT) throw new RangeError('not a short frame')
    if (this.#socket.readyState !== this.#socket.OPEN) return
    const bytes = SHORT_HEADER_BYTES + frame.length
    if (this.#run === undefined || this.#runBytes + bytes > this.#run.length) this.#beginRun()
    const run = this.#run as unknown as Buffer
    run[this.#runBytes] = WHOLE_BINARY
    run[this.#runBytes + 1] = frame.length
    run.set(frame, this.#runBytes + SHORT_HEADER_BYTES)
    this.#runBytes += bytes
    this.#count(bytes)
  }

  sendAndWipe(room: Uint8Array, frameOffset: number): void {
    const bytes = room.subarray(frameOffset - writeHeader(room, frameOffset))
    if (this.#socket.readyState !== this.#socket.OPEN) {
      bytes.fill(0)
      return
    }
    this.#endRun()
    this.#push(bytes)
    this.#count(bytes.length)
  }

  /** What the relay closed the socket with; undefined where it did not. */
  get closedWith(): CloseCode | undefined {
    return this.#closedWith
  }

  close(code: CloseCode): void {
    this.#cancelWatch()
    this.flush()
    if (this.#socket.readyState === this.#socket.OPEN) this.#closedWith = code
    this.#socket.close(code)
  }

  roomBytes(): number {
    const bytes = this.#waitingBytes + this.#reservedBytes
    return Math.min(this.#limitBytes - bytes, this.#budget.roomFor(bytes))
  }

  reserve(bytes: number): void {
    this.#reservedBytes += bytes
    this.#tell()
  }

  /** The socket is gone, and nothing waits any more. */
  end(): void {
    this.#cancelWatch()
    this.#isEnded = true
    this.#isHeld = false
    this.#budget.forget(this)
    this.#tell()
  }

  /** Somebody waits for room. A reader that gives none for too long is cut off. [protocol §6: 4410] */
  hold(): void {
    if (this.#isEnded) return
    const bytes = this.#waitingBytes + this.#reservedBytes
    if (this.#budget.roomFor(bytes) < this.#limitBytes - bytes) this.#budget.hold(this)
    if (this.#isHeld) return
    this.#isHeld = true
    this.#watch(this.#waitingBytes)
  }

  roomAgain(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#cancelWatch()
    this.#onRoom()
  }

  /** Ends the connection of a reader that lets answers pile up beyond the bounds. @returns whether it did */
  cutOffIfOverfull(): boolean {
    this.#tell()
    const isTooMuch = this.#budget.freeBytes < 0 && this.#waitingBytes > SPARED_BYTES
    if (!isTooMuch && this.#waitingBytes <= this.#limitBytes) return false
    this.close(CLOSE.slowReader)
    return true
  }

  /** Gives the transport what this turn has brought so far. */
  flush(): void {
    this.#endRun()
    const frames = this.#turn
    if (frames.length === 0) return
    this.#turn = []
    this.#turnBytes = 0
    if (this.#socket.readyState !== this.#socket.OPEN) {
      for (const frame of frames) frame.fill(0)
      return this.#tell()
    }
    this.#transport.cork()
    for (const frame of frames) {
      this.#waiting.push(frame)
      this.#transport.write(frame, this.#onSent)
    }
    this.#transport.uncork()
    this.#tell()
  }

  #push(frame: Uint8Array): void {
    if (this.#turn.push(frame) === 1) flushAfterTurn(this)
  }

  #count(bytes: number): void {
    this.#turnBytes += bytes
    this.#toldBytes += bytes
    this.#budget.change(bytes)
  }

  #beginRun(): void {
    this.#endRun()
    this.#run = Buffer.allocUnsafe(RUN_BYTES)
    this.#push(this.#run)
  }

  #endRun(): void {
    if (this.#run === undefined) return
    this.#turn[this.#turn.length - 1] = this.#run.subarray(0, this.#runBytes)
    this.#run = undefined
    this.#runBytes = 0
  }

  #tell(): void {
    const bytes = this.#isEnded ? 0 : this.#waitingBytes + this.#reservedBytes
    this.#budget.change(bytes - this.#toldBytes)
    this.#toldBytes = bytes
  }

  get #waitingBytes(): number {
    const frames = this.#waiting.length + this.#turn.length
    return this.#socket.bufferedAmount + this.#turnBytes + frames * FRAME_OVERHEAD_BYTES
  }

  // One function for every frame, so that Node can report many of them with one call. Not the transport's `drain`: that
  // is silent as long as every write is taken at once.
  readonly #onSent = (): void => {
    this.#waiting.shift()?.fill(0)
    this.#tell()
    if (this.#waiting.length + this.#turn.length === 0) this.roomAgain()
  }

  #watch(waitingBytes: number): void {
    this.#cancelWatch = this.#clock.after(STALL_MS, () => {
      if (this.#waitingBytes >= waitingBytes && waitingBytes > 0) this.close(CLOSE.slowReader)
      else this.#watch(this.#waitingBytes)
    })
  }
}

/** Writes the header of an unmasked frame just before it. @returns its bytes [RFC6455-5.2] */
function writeHeader(room: Uint8Array, frameOffset: number): number {
  const length = room.length - frameOffset
  if (length <= LONGEST_SHORT) {
    room[frameOffset - 1] = length
    room[frameOffset - 2] = WHOLE_BINARY
    return 2
  }
  if (length <= 0xffff) {
    room[frameOffset - 1] = length
    room[frameOffset - 2] = length >> 8
    room[frameOffset - 3] = 126
    room[frameOffset - 4] = WHOLE_BINARY
    return 4
  }
  const view = new DataView(room.buffer, room.byteOffset, frameOffset)
  view.setBigUint64(frameOffset - 8, BigInt(length))
  view.setUint8(frameOffset - 9, 127)
  view.setUint8(frameOffset - 10, WHOLE_BINARY)
  return 10
}
