/**
 * The SDK: mailboxes, depositing and receiving over one relay's protocol, for browsers, workers and Node ≥ 20.
 * Everything public is here; nothing under this folder needs Node.
 */
export type { DeliveryOptions, ReceivedEnvelope } from './delivery.ts'
export {
  createHttpDepositor,
  type Deposit,
  type DepositOptions,
  type Depositor,
  type DepositReceipt,
  type HttpDepositorOptions,
} from './depositor.ts'
export {
  AbortedError,
  ClientError,
  type ClientErrorCode,
  DisplacedError,
  NetworkError,
  RelayError,
  UnexpectedAnswerError,
} from './errors.ts'
export type { HttpOptions } from './http.ts'
export {
  createHttpReceiver,
  type FetchedEnvelope,
  type FetchedEnvelopes,
  type FetchOptions,
  type HttpReceiver,
  type HttpReceiverOptions,
} from './http-receiver.ts'
export { type GetInfoOptions, getInfo, type RelayInfo } from './info.ts'
export { createMailbox, exportMailbox, loadMailbox, type Mailbox } from './mailbox.ts'
export type { DisconnectEvent, MailboxConnectionOptions, ReceiveFromOptions } from './mailbox-connection.ts'
export { pad, unpad } from './padding.ts'
export { connectMailboxes, type MailboxReceiver, type ReceiveOptions, receive } from './receive.ts'
export type { RetryOptions } from './retry.ts'
export type { WebSocketConstructor, WebSocketLike } from './socket.ts'
export { createSocketDepositor, type SocketDepositorOptions } from './socket-depositor.ts'
