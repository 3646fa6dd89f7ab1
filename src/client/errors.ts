import { ERRORS, type ErrorCode } from '../protocol/errors.ts'

/** What can go wrong on this side, and what a person reads then. */
export const CLIENT_ERRORS = {
  ERR_NETWORK: 'The relay could not be reached, or the connection to it was lost',
  ERR_UNEXPECTED_ANSWER: 'The answer is not one that a relay of this protocol gives',
  ERR_ABORTED: 'Ended by the caller',
  ERR_CLOSED: 'Closed before this was done',
  ERR_DISPLACED: 'Another receiver has opened this mailbox',
  ERR_NO_WEBSOCKET: 'This runtime has no WebSocket: pass one in the options',
  ERR_RELAY_URL: 'A relay is named by an http, https, ws or wss URL without user, path, query or fragment',
  ERR_ADDRESS: 'An address is 32 bytes, or their base64url text of 43 characters',
  ERR_TTL: 'A lifetime is a whole number of seconds, 0 or more',
  ERR_FETCH_RANGE: 'A fetch takes a size of the relay, 1 to 16 slots of 256 KiB together, and 0 to 30 seconds to wait',
  ERR_ENVELOPE_ID: 'An envelope id is a base64url text of 22 characters',
  ERR_MAILBOX_TEXT: 'The text is not a saved mailbox',
  ERR_MESSAGE_TOO_LONG: 'The message does not fit the largest envelope',
  ERR_PADDING: 'The envelope holds no padded message',
} as const

export type LocalErrorCode = keyof typeof CLIENT_ERRORS

/** Every code that an error of the SDK can have: its own, and those of the protocol's registry. [protocol §6] */
export type ClientErrorCode = LocalErrorCode | ErrorCode

/** Base of every error of the SDK. `code` is stable; `message` is for people and repeats nothing of what was passed in. */
export class ClientError extends Error {
  readonly code: ClientErrorCode

  constructor(code: ClientErrorCode, options: { cause?: unknown } = {}) {
    const text = code in ERRORS ? ERRORS[code as ErrorCode].title : CLIENT_ERRORS[code as LocalErrorCode]
    super(text, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ClientError'
    this.code = code
  }
}

/** What the headers of a refusal say of time. */
export interface RefusalTimes {
  retryAfterSeconds?: number | undefined
  dateSeconds?: number | undefined
}

/** The relay refused, with one of the protocol's codes. [protocol §6] */
export class RelayError extends ClientError {
  declare readonly code: ErrorCode
  /** What `Retry-After` said, where it was there. */
  readonly retryAfterSeconds: number | undefined
  /** What `Date` said in Unix seconds, where it was there and could be read: the relay's clock. */
  readonly dateSeconds: number | undefined

  constructor(code: ErrorCode, options: RefusalTimes = {}) {
    super(code)
    this.name = 'RelayError'
    this.retryAfterSeconds = options.retryAfterSeconds
    this.dateSeconds = options.dateSeconds
  }
}

/** No answer: no connection, a lost one, a timeout, or a gateway in front that found no relay behind it. */
export class NetworkError extends ClientError {
  declare readonly code: 'ERR_NETWORK'
  /** What a gateway's `Retry-After` said, where it was there. */
  readonly retryAfterSeconds: number | undefined

  constructor(options: { cause?: unknown; retryAfterSeconds?: number | undefined } = {}) {
    super('ERR_NETWORK', options)
    this.name = 'NetworkError'
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** An answer came, but none that a relay of this protocol gives. */
export class UnexpectedAnswerError extends ClientError {
  declare readonly code: 'ERR_UNEXPECTED_ANSWER'
  /** Status of the HTTP answer, where there was one. */
  readonly status: number | undefined

  constructor(options: { status?: number; cause?: unknown } = {}) {
    super('ERR_UNEXPECTED_ANSWER', options)
    this.name = 'UnexpectedAnswerError'
    this.status = options.status
  }
}

/** The mailbox was opened somewhere else, and the newest receiver wins: do not reopen by yourself. [protocol §5] */
export class DisplacedError extends ClientError {
  declare readonly code: 'ERR_DISPLACED'

  constructor() {
    super('ERR_DISPLACED')
    this.name = 'DisplacedError'
  }
}

/** The caller's signal ended the call; `cause` is the signal's reason, `name` the platform's usual `AbortError`. */
export class AbortedError extends ClientError {
  declare readonly code: 'ERR_ABORTED'

  constructor(options: { cause?: unknown } = {}) {
    super('ERR_ABORTED', options)
    this.name = 'AbortError'
  }
}
