/**
 * The one registry of errors: number on sockets, code and status over HTTP, and what a person reads. [protocol §6]
 * Nothing in an error depends on the request.
 */
export const ERRORS = {
  ERR_MALFORMED: { number: 1, status: 400, title: 'The request does not parse, or a field is out of range' },
  ERR_ENVELOPE_SIZE: { number: 2, status: 422, title: 'The envelope has none of the sizes this relay takes' },
  ERR_TOO_LARGE: { number: 3, status: 413, title: 'Longer than anything this endpoint takes' },
  ERR_MEDIA_TYPE: { number: 4, status: 415, title: 'The content type must be application/octet-stream' },
  ERR_SIGNATURE: { number: 5, status: 403, title: 'The signature does not verify for any origin of this relay' },
  ERR_STALE: { number: 6, status: 403, title: 'The signed time is too far from the time of this relay' },
  ERR_MAILBOX_FULL: { number: 7, status: 507, title: 'No more envelopes of this size and lifetime fit this mailbox' },
  ERR_STORE_UNAVAILABLE: { number: 8, status: 503, title: 'The store is down, full, or has not confirmed' },
  ERR_RATE_LIMITED: { number: 9, status: 429, title: 'Too many requests' },
  ERR_TOKEN_REQUIRED: { number: 10, status: 401, title: 'This relay asks for a token' },
  ERR_TOKEN_INVALID: { number: 11, status: 401, title: 'The token does not verify, or was spent' },
  ERR_TOO_MANY_CHANNELS: { number: 12, status: 429, title: 'More mailboxes on one socket than allowed' },
  ERR_DRAINING: { number: 13, status: 503, title: 'This instance is shutting down' },
  ERR_NOT_FOUND: { number: 14, status: 404, title: 'No such route' },
  ERR_METHOD: { number: 15, status: 405, title: 'The method is not allowed here' },
  ERR_INTERNAL: { number: 16, status: 500, title: 'Something unforeseen went wrong' },
} as const

export type ErrorCode = keyof typeof ERRORS

/** Seconds named in `Retry-After`, for the codes that carry one. Fixed, since nothing may depend on the request. */
export const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = {
  ERR_STORE_UNAVAILABLE: 5,
  ERR_RATE_LIMITED: 10,
  ERR_DRAINING: 1,
}

/** WebSocket close codes. [protocol §6] */
export const CLOSE = {
  draining: 1001,
  tooLarge: 1009,
  malformed: 4400,
  unproven: 4403,
  idle: 4408,
  slowReader: 4410,
  rateLimited: 4429,
  storeLost: 4503,
} as const

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE]

/** Base of every error that Lethe names. `code` is stable; `message` is for people and holds no input. */
export class LetheError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode) {
    super(ERRORS[code].title)
    this.name = 'LetheError'
    this.code = code
  }
}

const CODES_BY_NUMBER = new Map(
  (Object.entries(ERRORS) as [ErrorCode, { number: number }][]).map(([code, { number }]) => [number, code]),
)

/** Code of an ERROR frame's number, undefined for one that this version does not know. */
export function errorCodeOf(number: number): ErrorCode | undefined {
  return CODES_BY_NUMBER.get(number)
}
