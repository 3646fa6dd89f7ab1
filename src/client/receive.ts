import type { ReceivedEnvelope } from './delivery.ts'
import type { Mailbox } from './mailbox.ts'
import { MailboxConnection, type MailboxConnectionOptions, type ReceiveFromOptions } from './mailbox-connection.ts'

export interface ReceiveOptions extends MailboxConnectionOptions, ReceiveFromOptions {
  mailbox: Mailbox
}

/**
 * The envelopes of a mailbox, as they come, until the iteration is ended by leaving the loop, by `signal`, or by an
 * error. Nothing is sent before the first is asked for. Lost connections are made again; an envelope that was given out
 * and not acknowledged then comes again, under the same id.
 * @throws (from the iteration) DisplacedError; RelayError for a signature that does not hold here; UnexpectedAnswerError;
 *   NetworkError where `retry` has bounds. (At once) ClientError ERR_RELAY_URL, ERR_NO_WEBSOCKET
 */
export function receive({
  mailbox,
  ...options
}: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined, undefined> {
  return new MailboxConnection(options).receive(mailbox, options)
}

/** Many mailboxes over one socket. Each counts against the relay's limit of channels. */
export interface MailboxReceiver {
  /** As the function `receive`. */
  receive(mailbox: Mailbox, options?: ReceiveFromOptions): AsyncIterableIterator<ReceivedEnvelope, undefined, undefined>
  /** Ends every iteration, without an error. */
  close(): void
}

/**
 * Receives for several mailboxes over one socket, which is open while at least one of them is being received. The relay
 * can tell that they are one person's.
 * @throws ClientError ERR_RELAY_URL, ERR_NO_WEBSOCKET
 */
export function connectMailboxes(options: MailboxConnectionOptions): MailboxReceiver {
  return new MailboxConnection(options)
}
