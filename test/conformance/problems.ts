import type { Test } from '../_util/tap.ts'
import type { Answer } from './http.ts'

/** The registry of section 6: code → [number, HTTP status]. */
export const PROBLEMS = {
  ERR_MALFORMED: [1, 400],
  ERR_ENVELOPE_SIZE: [2, 422],
  ERR_TOO_LARGE: [3, 413],
  ERR_MEDIA_TYPE: [4, 415],
  ERR_SIGNATURE: [5, 403],
  ERR_STALE: [6, 403],
  ERR_MAILBOX_FULL: [7, 507],
  ERR_STORE_UNAVAILABLE: [8, 503],
  ERR_RATE_LIMITED: [9, 429],
  ERR_TOKEN_REQUIRED: [10, 401],
  ERR_TOKEN_INVALID: [11, 401],
  ERR_TOO_MANY_CHANNELS: [12, 429],
  ERR_DRAINING: [13, 503],
  ERR_NOT_FOUND: [14, 404],
  ERR_METHOD: [15, 405],
  ERR_INTERNAL: [16, 500],
} as const

/** A stable error code [protocol §6]. */
export type ProblemCode = keyof typeof PROBLEMS

/** The number of an error, as sockets carry it. */
export function numberOf(code: ProblemCode): number {
  return PROBLEMS[code][0]
}

/** The close codes of section 6. */
export const CLOSE = {
  draining: 1001,
  tooLarge: 1009,
  malformed: 4400,
  failedOpens: 4403,
  noOpen: 4408,
  tooSlow: 4410,
  limited: 4429,
  storeLost: 4503,
} as const

const EXPOSED = 'TTL, Retry-After, WWW-Authenticate'
const WITH_RETRY_AFTER: readonly ProblemCode[] = ['ERR_STORE_UNAVAILABLE', 'ERR_RATE_LIMITED', 'ERR_DRAINING']

/** What section 7 says of every answer. */
export function checkEveryAnswer(t: Test, { headers }: Pick<Answer, 'headers'>): void {
  t.equal(headers['cache-control'], 'no-store', '[protocol §7] no-store')
  t.equal(headers['access-control-allow-origin'], '*', '[protocol §7] any page may ask')
  t.equal(headers['access-control-expose-headers'], EXPOSED, '[protocol §7] headers for pages')
  t.equal(headers['access-control-allow-credentials'], undefined, '[protocol §7] no ambient authority')
  t.equal(headers['set-cookie'], undefined, '[protocol §7] no cookies')
}

/** Holds an answer against the registry of section 6. */
export function checkProblem(
  t: Test,
  answer: Pick<Answer, 'status' | 'headers' | 'body'>,
  code: ProblemCode,
  what = '',
): void {
  const [, status] = PROBLEMS[code]
  t.equal(answer.status, status, `${code} is ${status} ${what}`)
  t.match(answer.headers['content-type'] ?? '', /^application\/problem\+json(;|$)/, `problem+json ${what}`)
  const problem = parseJson(answer.body)
  t.same(Object.keys(problem).sort(), ['code', 'status', 'title', 'type'], `members of the problem ${what}`)
  t.match(problem, { type: 'about:blank', status, code }, `the problem itself ${what}`)
  t.ok(typeof problem.title === 'string' && problem.title.length > 0, `a title ${what}`)
  if (WITH_RETRY_AFTER.includes(code)) t.match(answer.headers['retry-after'], /^\d+$/, `Retry-After ${what}`)
  checkEveryAnswer(t, answer)
}

/** JSON of an object; an empty one where it is none, so that the assertions on it fail instead of the test. */
export function parseJson(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Header lines but for those that tell the time or the connection. */
export function lastingHeaders({ rawHeaders }: Answer): string[] {
  const lines: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    if (name !== 'date') lines.push(`${name}: ${rawHeaders[index + 1]}`)
  }
  return lines.sort()
}
