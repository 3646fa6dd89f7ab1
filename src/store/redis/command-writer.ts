import { Command } from 'ioredis'
import { bytesIn } from '../../mailbox/mailbox-store.ts'

/** Longest line that says a length, with the end of the line before it and its own. */
const LENGTH_LINE_BYTES = 16
const LONGEST_NUMBER = 20

/** A buffer that is larger than this is not kept from one batch to the next. */
const MAX_KEPT_BYTES = 6_000_000

/** Text in ASCII, a number, bytes, or pieces of bytes. */
export type Argument = string | number | Uint8Array | readonly Uint8Array[]

/**
 * Writes commands in the form in which they go to Redis, each in one piece, into memory that is used again. ioredis would
 * look at every argument several times and copy it twice. [RESP]
 */
export class CommandWriter {
  #memory: Buffer = Buffer.alloc(0)
  #end = 0

  /** A command to be sent as it is, by `sendCommand`. Its bytes are valid until `wipe`. */
  write(name: string, args: readonly Argument[]): Command {
    const start = this.#reserve(name, args)
    let text = `*${args.length + 1}\r\n$${name.length}\r\n${name}\r\n`
    for (const arg of args) {
      if (typeof arg === 'object') {
        this.#text(`${text}$${bytesIn(arg)}\r\n`)
        if (arg instanceof Uint8Array) this.#bytes(arg)
        else for (const piece of arg) this.#bytes(piece)
        text = '\r\n'
      } else {
        const shown = String(arg)
        text += `$${shown.length}\r\n${shown}\r\n`
      }
    }
    this.#text(text)
    return new WrittenCommand(name, this.#memory.subarray(start, this.#end))
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

  // What was written before stays where it is: it may not be out yet.
  #reserve(name: string, args: readonly Argument[]): number {
    let bytes = name.length + 2 * LENGTH_LINE_BYTES
    for (const arg of args) {
      const argBytes = typeof arg === 'object' ? bytesIn(arg) : typeof arg === 'string' ? arg.length : LONGEST_NUMBER
      bytes += argBytes + LENGTH_LINE_BYTES
    }
    if (this.#end + bytes > this.#memory.length) {
      this.#memory = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#memory.length))
      this.#end = 0
    }
    return this.#end
  }

  #bytes(bytes: Uint8Array): void {
    this.#memory.set(bytes, this.#end)
    this.#end += bytes.length
  }

  #text(text: string): void {
    this.#end += this.#memory.write(text, this.#end, 'latin1')
  }
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
