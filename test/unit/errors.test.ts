import {
  CLOSE,
  ERRORS,
  type ErrorCode,
  errorCodeOf,
  LetheError,
  RETRY_AFTER_SECONDS,
} from '../../src/protocol/errors.ts'
import { test } from '../_util/tap.ts'

/** The table of [protocol §6]: number, code, HTTP status. */
const TABLE: [number, ErrorCode, number][] = [
  [1, 'ERR_MALFORMED', 400],
  [2, 'ERR_ENVELOPE_SIZE', 422],
  [3, 'ERR_TOO_LARGE', 413],
  [4, 'ERR_MEDIA_TYPE', 415],
  [5, 'ERR_SIGNATURE', 403],
  [6, 'ERR_STALE', 403],
  [7, 'ERR_MAILBOX_FULL', 507],
  [8, 'ERR_STORE_UNAVAILABLE', 503],
  [9, 'ERR_RATE_LIMITED', 429],
  [10, 'ERR_TOKEN_REQUIRED', 401],
  [11, 'ERR_TOKEN_INVALID', 401],
  [12, 'ERR_TOO_MANY_CHANNELS', 429],
  [13, 'ERR_DRAINING', 503],
  [14, 'ERR_NOT_FOUND', 404],
  [15, 'ERR_METHOD', 405],
  [16, 'ERR_INTERNAL', 500],
]

test('[protocol §6] the registry holds exactly the errors of the table', async (t) => {
  const registered = Object.entries(ERRORS).map(([code, { number, status }]) => [number, code, status])
  t.same(registered, TABLE)
})

test('[protocol §6] an error is found by its number', async (t) => {
  for (const [number, code] of TABLE) t.equal(errorCodeOf(number), code)
  for (const unknown of [0, 17, 255, 65_535, -1]) t.equal(errorCodeOf(unknown), undefined)
})

test('[protocol §6] the close codes', async (t) => {
  t.same(
    Object.values(CLOSE).sort((a, b) => a - b),
    [1001, 1009, 4400, 4403, 4408, 4410, 4429, 4503],
  )
  t.same([CLOSE.draining, CLOSE.tooLarge, CLOSE.malformed, CLOSE.unproven], [1001, 1009, 4400, 4403])
  t.same([CLOSE.idle, CLOSE.slowReader, CLOSE.rateLimited, CLOSE.storeLost], [4408, 4410, 4429, 4503])
})

test('[protocol §6] the codes that carry Retry-After', async (t) => {
  t.same(Object.keys(RETRY_AFTER_SECONDS).sort(), ['ERR_DRAINING', 'ERR_RATE_LIMITED', 'ERR_STORE_UNAVAILABLE'])
  for (const seconds of Object.values(RETRY_AFTER_SECONDS)) t.ok(Number.isInteger(seconds) && seconds > 0)
})

test('an error carries its code and one fixed sentence', async (t) => {
  for (const [, code] of TABLE) {
    const error = new LetheError(code)
    t.ok(error instanceof Error)
    t.equal(error.code, code)
    t.equal(error.message, ERRORS[code].title)
    t.match(error.message, /^[A-Z][^.]+$/)
  }
  t.equal(new Set(Object.values(ERRORS).map(({ title }) => title)).size, TABLE.length, 'no two sound the same')
})
