/** So many of those who wait are looked at in one turn of the event loop. */
const WAKES_A_TURN = 64

/** Somebody who waits until the instance has room. */
export interface Waiter {
  roomAgain(): void
}

/**
 * Bytes that wait to be sent, over all sockets and answers of this instance together. Where they would exceed
 * LETHE_OUTGOING_BYTES nobody is given further room until some are out. Fair between sockets: of one half each may have as
 * much waiting as is still free of it. The other is for those who have nothing waiting, one of the largest frames each, so
 * that whoever reads is served however many do not.
 */
export class OutgoingBudget {
  readonly #limitBytes: number
  readonly #frameBytes: number
  #bytes = 0
  readonly #waiters = new Set<Waiter>()
  /** How many of them are still to be told of what went out last. */
  #toTell = 0
  #isTelling = false

  /** @param frameBytes of the largest frame */
  constructor(limitBytes: number, frameBytes: number) {
    this.#limitBytes = limitBytes
    this.#frameBytes = frameBytes
  }

  /** Below zero where more waits than should: answers that nobody can refuse. */
  get freeBytes(): number {
    return this.#limitBytes - this.#bytes
  }

  /** Bytes that somebody may be given who has `bytes` waiting or set aside. */
  roomFor(bytes: number): number {
    const shared = this.freeBytes - this.#limitBytes / 2 - bytes
    return bytes > 0 ? shared : Math.max(shared, Math.min(this.freeBytes, this.#frameBytes))
  }

  /** So much more waits now, or less. */
  change(bytes: number): void {
    this.#bytes += bytes
    if (bytes >= 0 || this.#waiters.size === 0) return
    this.#toTell = this.#waiters.size
    this.#tellLater()
  }

  /** Sets bytes aside that `give` gives back; or gives false, where there is no room. */
  take(bytes: number): boolean {
    if (bytes > this.freeBytes) return false
    this.change(bytes)
    return true
  }

  give(bytes: number): void {
    this.change(-bytes)
  }

  /** It is told once when there may be room again, those first who have waited longest. */
  hold(waiter: Waiter): void {
    this.#waiters.add(waiter)
  }

  forget(waiter: Waiter): void {
    this.#waiters.delete(waiter)
  }

  #tellLater(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    setImmediate(this.#tell)
  }

  readonly #tell = (): void => {
    this.#isTelling = false
    let left = Math.min(WAKES_A_TURN, this.#toTell)
    this.#toTell -= left
    for (const waiter of this.#waiters) {
      if (left-- === 0) break
      // Who has to wait on comes again, at the end.
      this.#waiters.delete(waiter)
      waiter.roomAgain()
    }
    if (this.#toTell > 0) this.#tellLater()
  }
}
