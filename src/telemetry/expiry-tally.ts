import { slotSeconds, TTL_CLASSES } from '../protocol/retention.ts'

/** Slots of one class that are kept apart: more than can be live at once. */
const RING = 16

/**
 * Counts accepted and acknowledged envelopes by the slot in which they expire, over all mailboxes, and gives a slot's
 * counts up when it is over. The difference of the two totals, summed over all relays of a store, is what ended unread.
 */
export class ExpiryTally {
  /** Ends of the slots, Unix seconds; 0 is none. */
  readonly #expiries = new Float64Array(TTL_CLASSES.length * RING)
  readonly #accepted = new Float64Array(TTL_CLASSES.length * RING)
  readonly #acknowledged = new Float64Array(TTL_CLASSES.length * RING)
  #pastAccepted = 0
  #pastAcknowledged = 0

  /** Envelopes that were accepted and whose slot is over. */
  get pastAccepted(): number {
    return this.#pastAccepted
  }

  /** Envelopes that were acknowledged and whose slot is over. */
  get pastAcknowledged(): number {
    return this.#pastAcknowledged
  }

  /** @param expiresAt Unix seconds */
  accept(classIndex: number, expiresAt: number): void {
    const place = this.#placeOf(classIndex, expiresAt)
    if (place < 0) this.#pastAccepted++
    else this.#accepted[place] = (this.#accepted[place] as number) + 1
  }

  /** @param expiresAt Unix seconds */
  acknowledge(envelopes: number, classIndex: number, expiresAt: number): void {
    const place = this.#placeOf(classIndex, expiresAt)
    if (place < 0) this.#pastAcknowledged += envelopes
    else this.#acknowledged[place] = (this.#acknowledged[place] as number) + envelopes
  }

  /** Adds every slot that is over to the totals. */
  settle(nowSeconds: number): void {
    for (let place = 0; place < this.#expiries.length; place++) {
      if ((this.#expiries[place] as number) <= nowSeconds) this.#giveUp(place)
    }
  }

  /** Where a slot is counted, or -1 for one that has already made room for a later one. */
  #placeOf(classIndex: number, expiresAt: number): number {
    const place = classIndex * RING + (Math.floor(expiresAt / slotSeconds(classIndex)) % RING)
    const held = this.#expiries[place] as number
    if (held > expiresAt) return -1
    if (held < expiresAt) {
      this.#giveUp(place)
      this.#expiries[place] = expiresAt
    }
    return place
  }

  #giveUp(place: number): void {
    this.#pastAccepted += this.#accepted[place] as number
    this.#pastAcknowledged += this.#acknowledged[place] as number
    this.#accepted[place] = 0
    this.#acknowledged[place] = 0
    this.#expiries[place] = 0
  }
}
