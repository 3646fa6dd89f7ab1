/** What became of all envelopes of a run. Every envelope is counted by its own number, not by adding up. */
export interface Account {
  /** Handed to a connection. */
  readonly sent: number
  /** The relay said that it has stored it. */
  readonly accepted: number
  /** The relay said no, by the number of its error. [protocol §6] */
  readonly refused: Readonly<Record<string, number>>
  /** No answer in time, or the connection was lost: it may arrive and need not. */
  readonly unsure: number
  /** Not answered yet. */
  readonly unanswered: number
  /** Came to the mailbox that it was sent to, undamaged; each counted once. */
  readonly delivered: number
  /** Of those, how many were unsure. */
  readonly deliveredUnsure: number
  /** Accepted, not there yet, and neither lost nor expired as far as is known. */
  readonly outstanding: number
  /** Accepted, and not seen although its mailbox was read before it expired. Only known after the drain. */
  readonly lost: number
  /** Accepted, and expired before anybody read its mailbox: forgotten as it was meant to be. */
  readonly expired: number
  /** Came more than once without being due: twice in one session, or stored twice. */
  readonly duplicated: number
  /** Came again in a later session under the same id, as at-least-once delivery allows. */
  readonly redelivered: number
  /** Came to a mailbox that it was not sent to. */
  readonly misdelivered: number
  /** Came, and its checksum is wrong. */
  readonly corrupted: number
  /**
   * Came after one that was sent later on the same connection, in the same size and TTL class, and its sender had not been
   * told that it may not be stored.
   */
  readonly outOfOrder: number
  /** Came although the relay had refused it for good. */
  readonly unexpected: number
}
