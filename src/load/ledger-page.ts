/** What is known of one envelope, in one byte. The two lowest bits are its outcome. */
export const STATE = {
  outcome: 0b11,
  sent: 0b100,
  delivered: 0b1000,
  damaged: 0b1_0000,
  mayArrive: 0b10_0000,
} as const

export const PAGE_BITS = 14
const PAGE_SIZE = 1 << PAGE_BITS

/** What is known of 16,384 envelopes that one worker sent one after the other. */
export class LedgerPage {
  readonly state = new Uint8Array(PAGE_SIZE)
  /** Given up when all of the page is settled for a while: a late arrival then counts as a duplicate. */
  details: LedgerDetails | undefined = new LedgerDetails()
  /** How many of them are accepted and delivered, or refused for good. */
  settled = 0
  /** When the last one was settled, in milliseconds since the run's beginning. */
  settledMs = 0

  get isSettled(): boolean {
    return this.settled === PAGE_SIZE
  }
}

class LedgerDetails {
  readonly mailbox = new Uint32Array(PAGE_SIZE)
  readonly classIndex = new Uint8Array(PAGE_SIZE)
  readonly sentMs = new Uint32Array(PAGE_SIZE)
  readonly session = new Uint32Array(PAGE_SIZE)
  readonly idTag = new Uint32Array(PAGE_SIZE)
}
