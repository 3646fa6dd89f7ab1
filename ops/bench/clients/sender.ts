import type { DepositFormat, Link } from './protocol.ts'

/**
 * One sender with a window of deposits under way. Each slot of the window has its own frame in one buffer, which is free
 * to be written again when the server has answered for it, so that sending allocates nothing.
 */
export class Sender {
  readonly index: number
  readonly #format: DepositFormat
  readonly #frames: Buffer
  readonly #numbers: Int32Array
  readonly #free: number[] = []
  /** Slots that wait to be written, in order. */
  readonly #filled: number[] = []
  #link: Link | undefined

  constructor(index: number, window: number, format: DepositFormat) {
    this.index = index
    this.#format = format
    this.#numbers = new Int32Array(window)
    this.#frames = Buffer.alloc(window * format.frameBytes)
    for (let slot = 0; slot < window; slot++) {
      format.fill(this.#frames.subarray(slot * format.frameBytes, (slot + 1) * format.frameBytes), index, slot)
      this.#free.push(slot)
    }
  }

  get hasRoom(): boolean {
    return this.#free.length > 0
  }

  /** The slot that the next deposit will take. */
  get nextSlot(): number {
    return this.#free[0] as number
  }

  numberIn(slot: number): number {
    return this.#numbers[slot] as number
  }

  use(link: Link): void {
    this.#link = link
  }

  /** Puts a deposit into the next free slot; `flush` sends it. */
  deposit(number: number, recipient: number): void {
    const slot = this.#free.shift() as number
    const at = slot * this.#format.frameBytes
    this.#format.direct(this.#frames.subarray(at, at + this.#format.frameBytes), recipient, number)
    this.#numbers[slot] = number
    this.#filled.push(slot)
  }

  /** The deposit of this slot is done with. */
  release(slot: number): void {
    this.#free.push(slot)
  }

  /** Writes what was put into slots: neighbours as one piece, all of it in one call to the kernel. */
  flush(): void {
    const slots = this.#filled
    const link = this.#link
    if (slots.length === 0 || !link) return
    const { frameBytes } = this.#format
    link.cork()
    for (let first = 0; first < slots.length; ) {
      const slot = slots[first] as number
      let next = first + 1
      while (next < slots.length && slots[next] === slot + next - first) next++
      link.write(this.#frames.subarray(slot * frameBytes, (slot + next - first) * frameBytes))
      first = next
    }
    link.uncork()
    slots.length = 0
  }

  async close(): Promise<void> {
    await this.#link?.close()
    this.#link = undefined
  }
}
