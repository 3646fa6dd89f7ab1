/**
 * Told what happens to envelopes, as numbers over all mailboxes. Called for every envelope: an implementation adds up and
 * does nothing else.
 */
export interface Counts {
  /** A deposit was stored and confirmed. @param expiresAt Unix seconds */
  accepted(sizeIndex: number, classIndex: number, expiresAt: number): void
  /** A deposit found its bucket full. */
  full(sizeIndex: number): void
  /** A deposit was not stored, or not confirmed. */
  unavailable(sizeIndex: number): void
  /** A deposit was refused before it was looked at further, since it would have had to wait for too long. */
  shed(sizeIndex: number): void
  /** An envelope went out from the hand of its sender, without a read. */
  pushed(): void
  /** An envelope was read from the store and went out on a socket. */
  read(): void
  /** An envelope was read from the store and went out in the answer to a fetch. */
  fetched(): void
  /** So many envelopes of one bucket were acknowledged and erased. @param expiresAt Unix seconds */
  acknowledged(envelopes: number, classIndex: number, expiresAt: number): void
  /** Delivery stopped before all was sent, for want of acknowledgements or of room on the socket. */
  stalled(cause: 'window' | 'socket'): void
  /** A mailbox was opened (1) or no longer is (-1). */
  openMailbox(change: 1 | -1): void
  /** A wake-up was heard. @param isForReader whether its mailbox has a reader in this process */
  wakeUp(isForReader: boolean): void
}
