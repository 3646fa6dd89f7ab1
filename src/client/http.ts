import { ERRORS, type ErrorCode } from '../protocol/errors.ts'
import { throwIfAborted } from './abort.ts'
import { AbortedError, NetworkError, RelayError, UnexpectedAnswerError } from './errors.ts'

const MAX_PROBLEM_BYTES = 10_000
const DEFAULT_TIMEOUT_MS = 30_000

/** What every call over HTTP can be given. */
export interface HttpOptions {
  /** In place of the runtime's own `fetch`. */
  fetch?: typeof globalThis.fetch
  /** Milliseconds that one try may take (default 30,000); a long poll's wait comes on top. */
  timeoutMs?: number
}

/** One try of one request. */
export interface HttpCall extends HttpOptions {
  url: string
  /** Sent with POST as application/octet-stream; without one it is a GET. */
  body?: Uint8Array
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal | undefined
  /** The one status that is success. */
  expectedStatus: number
  /** Longest body of a successful answer. */
  maxBytes: number
}

export interface HttpAnswer {
  headers: Headers
  body: Uint8Array
}

/**
 * Sends one request, without cookies, cache, referrer or redirects, and gives the answer.
 * @throws RelayError for the protocol's errors; NetworkError; UnexpectedAnswerError; AbortedError
 */
export async function callRelay(call: HttpCall): Promise<HttpAnswer> {
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = call
  throwIfAborted(signal)
  const ending = new AbortController()
  const onAbort = (): void => ending.abort()
  const timer = setTimeout(onAbort, timeoutMs)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await exchange(call, ending.signal)
  } catch (error) {
    if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

async function exchange(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
  const fetch = call.fetch ?? globalThis.fetch
  const { body: sent } = call
  const request = {
    ...(sent && { method: 'POST', body: sent as Uint8Array<ArrayBuffer> }),
    headers: { ...(sent && { 'Content-Type': 'application/octet-stream' }), ...call.headers },
    credentials: 'omit',
    cache: 'no-store',
    redirect: 'error',
    referrerPolicy: 'no-referrer',
    signal,
  } as const
  let response: Response
  try {
    response = await fetch(call.url, request)
  } catch (cause) {
    throw new NetworkError({ cause })
  }
  const isExpected = response.status === call.expectedStatus
  const body = await readBody(response, isExpected ? call.maxBytes : MAX_PROBLEM_BYTES)
  if (isExpected) return { headers: response.headers, body }
  throw refusal(response, body)
}

async function readBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  while (reader !== undefined) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new NetworkError({ cause })
    })
    if (done) break
    length += value.length
    if (length > maxBytes) {
      await reader.cancel().catch(() => undefined)
      throw new UnexpectedAnswerError({ status: response.status })
    }
    chunks.push(value)
  }
  const body = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    body.set(chunk, offset)
    offset += chunk.length
  }
  return body
}

/** What an answer other than the expected one means: a named error, no relay behind a gateway, or something foreign. */
function refusal({ status, headers }: Response, body: Uint8Array): Error {
  const retryAfterSeconds = readRetryAfter(headers)
  const code = problemCode(body)
  if (code !== undefined && ERRORS[code].status === status) {
    return new RelayError(code, { retryAfterSeconds, dateSeconds: readDateSeconds(headers) })
  }
  if (status === 429) return new RelayError('ERR_RATE_LIMITED', { retryAfterSeconds })
  const cause = new UnexpectedAnswerError({ status })
  return status === 502 || status === 503 || status === 504 ? new NetworkError({ cause, retryAfterSeconds }) : cause
}

function problemCode(body: Uint8Array): ErrorCode | undefined {
  try {
    const { code } = JSON.parse(new TextDecoder().decode(body))
    return typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : undefined
  } catch {
    return undefined
  }
}

function readRetryAfter(headers: Headers): number | undefined {
  const text = headers.get('Retry-After')
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

function readDateSeconds(headers: Headers): number | undefined {
  const milliseconds = Date.parse(headers.get('Date') ?? '')
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1_000)
}
