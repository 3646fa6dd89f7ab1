import { Command } from 'ioredis'
import { bytesIn } from '../../mailbox/mailbox-store.ts'

/** What stands around an argument: a line that says its length, and the end of its own. */
const LINES_BYTES = 24
const LONGEST_NUMBER = 16
/** Longer texts are left to Buffer, which has more to do before its first byte. */
const LONGEST_LOOP = 64
/** Numbers are written in halves that fit 32 bits. */
const HALF = 1e8
const HALF_DIGITS = 8

/** A buffer that is larger than this is not kept from one batch to the next. */
const MAX_KEPT_BYTES = 6_000_000

const ZERO = 48

/**
 * Writes commands in the form in which they go to Redis, each in one piece, into memory that is used again. ioredis would
 * look at every argument several times and copy it twice. [RESP]
 */
export class CommandWriter {
  #memory: Buffer = Buffer.alloc(0)
  /** Where the command begins that is being written, and where it ends so far. */
  #start = 0
  #end = 0
  #name = ''

  /** Begins a command. @param args how many follow its name */
  begin(name: string, args: number): void {
    this.#start = this.#end
    this.#name = name
    this.#line('*', args + 1)
    this.text(name)
  }

  /** An argument in ASCII. */
  text(text: string): void {
    this.#line('$', text.length)
    this.#ascii(text)
    this.#endLine()
  }

  /** @param number not negative, and whole */
  number(number: number): void {
    this.#line('$', digitsOf(number))
    this.#digits(number)
    this.#endLine()
  }

  /** Id of the stream entry that has this number: `0-number`. */
  entryId(number: number): void {
    this.#line('$', 2 + digitsOf(number))
    this.#ascii('0-')
    this.#digits(number)
    this.#endLine()
  }

  /** @param bytes whole, or in pieces that are joined */
  bytes(bytes: Uint8Array | readonly Uint8Array[]): void {
    this.#line('$', bytesIn(bytes))
    if (bytes instanceof Uint8Array) this.#piece(bytes)
    else for (const piece of bytes) this.#piece(piece)
    this.#endLine()
  }

  /** A command to be sent as it is, by `sendCommand`. Its bytes are valid until `wipe`. */
  finish(): Command {
    return new WrittenCommand(this.#name, this.#memory.subarray(this.#start, this.#end))
  }

  /** Gives up the command that is being written. */
  cancel(): void {
    this.#memory.fill(0, this.#start, this.#end)
    this.#end = this.#start
  }

  /**
   * To be called when all that was written is answered, or never will be.
   * @param isOut whether it has certainly left this process; where it may still be read, it is let go and not touched
   */
  wipe(isOut: boolean): void {
    if (isOut) this.#memory.fill(0, 0, this.#end)
    if (!isOut || this.#memory.length > MAX_KEPT_BYTES) this.#memory = Buffer.alloc(0)
    this.#end = 0
  }

  // What was written before this command stays where it is: it may not be out yet.
  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#memory.length) return
    const written = this.#memory.subarray(this.#start, this.#end)
    const memory = Buffer.allocUnsafeSlow(Math.max(2 * this.#memory.length, 2 * (written.length + bytes)))
    memory.set(written)
    written.fill(0)
    this.#memory = memory
    this.#start = 0
    this.#end = written.length
  }

  #line(kind: '*' | '$', count: number): void {
    this.#reserve(LINES_BYTES + count)
    this.#memory[this.#end++] = kind.charCodeAt(0)
    this.#digits(count)
    this.#endLine()
  }

  #endLine(): void {
    this.#memory[this.#end++] = 13
    this.#memory[this.#end++] = 10
  }

  #piece(bytes: Uint8Array): void {
    this.#memory.set(bytes, this.#end)
    this.#end += bytes.length
  }

  #ascii(text: string): void {
    if (text.length > LONGEST_LOOP) {
      this.#end += this.#memory.write(text, this.#end, 'latin1')
      return
    }
    for (let i = 0; i < text.length; i++) this.#memory[this.#end++] = text.charCodeAt(i)
  }

  #digits(number: number): void {
    const high = number < HALF ? 0 : Math.floor(number / HALF)
    const low = number - high * HALF
    const end = this.#end + digitsOf(number)
    let at = this.#writeDown(low, end)
    if (high > 0) {
      while (at > end - HALF_DIGITS) this.#memory[--at] = ZERO
      this.#writeDown(high, at)
    }
    this.#end = end
  }

  /** Writes digits that end before `at`. @returns where they begin */
  #writeDown(number: number, at: number): number {
    let left = number | 0
    let to = at
    do {
      const rest = (left / 10) | 0
      this.#memory[--to] = ZERO + left - 10 * rest
      left = rest
    } while (left > 0)
    return to
  }
}

function digitsOf(number: number): number {
  let digits = 1
  for (let bound = 10; number >= bound && digits < LONGEST_NUMBER; bound *= 10) digits++
  return digits
}

/** A command that is written already. Its errors carry no arguments. */
class WrittenCommand extends Command {
  readonly #bytes: Buffer

  constructor(name: string, bytes: Buffer) {
    super(name, [], { replyEncoding: 'utf8' })
    this.#bytes = bytes
  }

  override toWritable(): Buffer {
    return this.#bytes
  }
}
