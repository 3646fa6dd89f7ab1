import { UnexpectedAnswerError } from './errors.ts'
import { callRelay, type HttpOptions } from './http.ts'
import { parseRelayUrl } from './relay-url.ts'
import { REQUEST_RETRY, type RetryOptions, withRetries } from './retry.ts'

const PROTOCOL = 'lethe.v1'
const MAX_SIZES = 8
const MAX_CLASSES = 256
const MAX_INFO_BYTES = 100_000

/** What a relay says of itself, as far as a client goes by it. Times in seconds, sizes in bytes. [protocol §7] */
export interface RelayInfo {
  /** Origins that signatures may be bound to. */
  readonly publicOrigins: readonly string[]
  /** The sizes an envelope can have, ascending; the position is the sizeIndex. */
  readonly envelopeBytes: readonly number[]
  readonly ttlClasses: readonly number[]
  readonly defaultTtl: number
  readonly maxTtl: number
  /** Most envelopes that are delivered and not yet acknowledged. */
  readonly window: number
}

export interface GetInfoOptions extends HttpOptions {
  signal?: AbortSignal
  retry?: RetryOptions
}

/**
 * Asks a relay what it takes: sizes, lifetimes, window.
 * @param relay its http(s) or ws(s) URL
 * @throws ClientError ERR_RELAY_URL; NetworkError; RelayError; UnexpectedAnswerError; AbortedError
 */
export async function getInfo(relay: string | URL, options: GetInfoOptions = {}): Promise<RelayInfo> {
  const { origin } = parseRelayUrl(relay)
  const { signal, retry, ...http } = options
  const call = { ...http, url: `${origin}/v1/info`, signal, expectedStatus: 200, maxBytes: MAX_INFO_BYTES }
  const { body } = await withRetries({ ...REQUEST_RETRY, ...retry }, signal, () => callRelay(call))
  return readInfo(body)
}

/** Reads the JSON of `/v1/info`. @throws UnexpectedAnswerError where it is not what a relay of this protocol says */
export function readInfo(body: Uint8Array): RelayInfo {
  try {
    const info = JSON.parse(new TextDecoder().decode(body))
    const { publicOrigins, envelopeBytes, ttlClasses, defaultTtl, maxTtl, window } = info
    const isRight =
      info.protocol === PROTOCOL &&
      Array.isArray(publicOrigins) &&
      publicOrigins.every((origin) => typeof origin === 'string') &&
      isCounts(envelopeBytes, MAX_SIZES) &&
      isCounts(ttlClasses, MAX_CLASSES) &&
      [defaultTtl, maxTtl, window].every(isCount)
    if (isRight) return { publicOrigins, envelopeBytes, ttlClasses, defaultTtl, maxTtl, window }
  } catch {
    // no JSON, or no object
  }
  throw new UnexpectedAnswerError({ status: 200 })
}

function isCounts(values: unknown, maxLength: number): boolean {
  return Array.isArray(values) && values.length >= 1 && values.length <= maxLength && values.every(isCount)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0
}
