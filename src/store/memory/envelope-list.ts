import type { StoredEnvelope } from '../../mailbox/mailbox-store.ts'

/** Places of erased envelopes that are put up with before the list is packed. */
const MIN_GAPS = 32

/**
 * The envelopes of one bucket in the order of their deposit. Appending takes constant time, erasing and finding a place
 * logarithmic time; nothing is shifted. Gaps never outnumber the envelopes by more than 32.
 */
export class EnvelopeList {
  /** Number of the first envelope that was ever in the list. */
  readonly base: number
  #next: number
  #count = 0
  #bytes = 0
  #seqs: number[] = []
  #sealed: (Uint8Array | undefined)[] = []

  /** @param firstSeq number that the first appended envelope is given */
  constructor(firstSeq: number) {
    this.base = firstSeq
    this.#next = firstSeq
  }

  /** Number of the last envelope that was ever in the list; below `base` before the first. */
  get last(): number {
    return this.#next - 1
  }

  /** Envelopes that wait. */
  get count(): number {
    return this.#count
  }

  /** Bytes of the envelopes that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** @returns the envelope's number */
  append(sealed: Uint8Array): number {
    const seq = this.#next++
    this.#seqs.push(seq)
    this.#sealed.push(sealed)
    this.#count++
    this.#bytes += sealed.length
    return seq
  }

  /** Overwrites the envelope's bytes and lets go of them. A number that is not here is ignored. */
  erase(seq: number): void {
    const place = this.#firstPlaceAfter(seq - 1)
    const sealed = this.#seqs[place] === seq ? this.#sealed[place] : undefined
    if (sealed === undefined) return
    sealed.fill(0)
    this.#sealed[place] = undefined
    this.#count--
    this.#bytes -= sealed.length
    const gaps = this.#seqs.length - this.#count
    if (gaps > this.#count + MIN_GAPS) this.#pack()
  }

  /** Overwrites everything, when the list itself is let go. */
  wipe(): void {
    for (const sealed of this.#sealed) sealed?.fill(0)
  }

  /** At most `limit` envelopes with numbers above `last`, and whether others follow them. */
  read(last: number, limit: number): { entries: StoredEnvelope[]; more: boolean } {
    const entries: StoredEnvelope[] = []
    for (let place = this.#firstPlaceAfter(last); place < this.#seqs.length; place++) {
      const sealed = this.#sealed[place]
      if (sealed === undefined) continue
      if (entries.length >= limit) return { entries, more: true }
      entries.push({ seq: this.#seqs[place] as number, sealed })
    }
    return { entries, more: false }
  }

  // Numbers only grow, so the place is found by halving.
  #firstPlaceAfter(last: number): number {
    let low = 0
    let high = this.#seqs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#seqs[middle] as number) > last) high = middle
      else low = middle + 1
    }
    return low
  }

  #pack(): void {
    this.#seqs = this.#seqs.filter((_, place) => this.#sealed[place] !== undefined)
    this.#sealed = this.#sealed.filter((sealed) => sealed !== undefined)
  }
}
