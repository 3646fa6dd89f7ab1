/** What the parser found. A payload is a view on what was given, good until the next call. */
export interface FrameEvents {
  onMessage(payload: Buffer): void
  onPing(payload: Buffer): void
  onClose(code: number): void
}

const OPCODE = { continuation: 0, binary: 2, close: 8, ping: 9 }
const NO_STATUS = 1005

/** Cuts what a server sends into WebSocket messages: no masks, no extensions. [RFC6455-5.2] */
export class FrameParser {
  readonly #events: FrameEvents
  #rest: Buffer | undefined
  #parts: Buffer[] = []

  constructor(events: FrameEvents) {
    this.#events = events
  }

  /** Takes the next bytes of the stream. */
  push(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    for (;;) {
      const left = bytes.length - at
      if (left < 2) break
      const short = (bytes[at + 1] as number) & 0x7f
      const headBytes = short < 126 ? 2 : short === 126 ? 4 : 10
      if (left < headBytes) break
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUIntBE(at + 4, 6)
      if (left < headBytes + length) break
      const payload = bytes.subarray(at + headBytes, at + headBytes + length)
      const first = bytes[at] as number
      at += headBytes + length
      this.#take(first & 0x0f, (first & 0x80) !== 0, payload)
    }
    this.#rest = at === bytes.length ? undefined : bytes.subarray(at)
  }

  #take(opcode: number, isLast: boolean, payload: Buffer): void {
    if (opcode === OPCODE.binary && isLast) return this.#events.onMessage(payload)
    if (opcode === OPCODE.ping) return this.#events.onPing(payload)
    if (opcode === OPCODE.close) return this.#events.onClose(payload.length >= 2 ? payload.readUInt16BE() : NO_STATUS)
    if (opcode !== OPCODE.binary && opcode !== OPCODE.continuation) return
    this.#parts.push(Buffer.from(payload))
    if (!isLast) return
    const whole = Buffer.concat(this.#parts)
    this.#parts = []
    this.#events.onMessage(whole)
  }
}
