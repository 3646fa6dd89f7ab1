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
    const bytes = Buffer.allocUnsafe(SHORT_HEADER_BYTES + frame.length)
    bytes[0] = WHOLE_BINARY
    bytes[1] = frame.length
    bytes.set(frame, SHORT_HEADER_BYTES)
    this.#add(bytes)
  }

  sendAndWipe(room: Uint8Array, frameOffset: number): void {
    this.#add(room.subarray(frameOffset - writeHeader(room, frameOffset)))
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
    const frames = this.#turn
    if (frames.length === 0) return
    this.#turn = []
    this.#turnBytes = 0
    if (this.#socket.readyState !== this.#socket.OPEN) {
      for (const frame of frames) frame.fill(0)
      return this.#tell()
    }
    this.#transport.cork()
    for (let i = 0; i < frames.length; ) {
      let end = i + 1
      if (isShort(frames[i])) while (isShort(frames[end])) end++
      const bytes = end === i + 1 ? (frames[i] as Uint8Array) : joined(frames.slice(i, end))
      this.#waiting.push(bytes)
      this.#transport.write(bytes, this.#onSent)
      i = end
    }
    this.#transport.uncork()
    this.#tell()
  }

  #add(bytes: Uint8Array): void {
    if (this.#socket.readyState !== this.#socket.OPEN) {
      bytes.fill(0)
      return
    }
    if (this.#turn.push(bytes) === 1) flushAfterTurn(this)
    this.#turnBytes += bytes.length
    this.#toldBytes += bytes.length
    this.#budget.change(bytes.length)
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

/** Those that stand beside each other are joined, since a write costs more than so few bytes. */
function isShort(frame: Uint8Array | undefined): boolean {
  return frame !== undefined && frame.length <= SHORT_HEADER_BYTES + LONGEST_SHORT
}

function joined(frames: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(frames)
  for (const frame of frames) frame.fill(0)
  return bytes
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
