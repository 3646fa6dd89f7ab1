import { concatBytes, parseBase64url, toBase64url } from '../protocol/bytes.ts'
import { ENVELOPE_ID_BYTES } from '../protocol/envelope.ts'
import { MAX_ACK_IDS } from '../protocol/mailbox-frames.ts'
import {
  encodeAckRequest,
  encodeFetchRequest,
  fetchAnswerBytes,
  MAX_FETCH_BYTES,
  MAX_FETCH_SLOTS,
  MAX_FETCH_WAIT_SECONDS,
  parseFetchAnswer,
} from '../protocol/signed-requests.ts'
import { ClientError, RelayError, UnexpectedAnswerError } from './errors.ts'
import { callRelay, type HttpAnswer, type HttpOptions } from './http.ts'
import { getInfo, type RelayInfo } from './info.ts'
import { type Mailbox, signRequest } from './mailbox.ts'
import { parseRelayUrl } from './relay-url.ts'
import { REQUEST_RETRY, type RetryOptions, withRetries } from './retry.ts'

const MINUTE_SECONDS = 60
const DEFAULT_TIMEOUT_MS = 30_000

export interface HttpReceiverOptions extends HttpOptions {
  /** http(s) or ws(s) URL of the relay. Its origin is what signatures are bound to. */
  relay: string | URL
  mailbox: Mailbox
  retry?: RetryOptions
  /** What `getInfo` gave, if it has been asked already. */
  info?: Pick<RelayInfo, 'envelopeBytes'>
}

export interface FetchOptions {
  /** Which of the relay's sizes to fetch, as a position in `envelopeBytes` (default 0, the smallest). */
  sizeIndex?: number
  /** Most envelopes to fetch, 1 to 16; the answer always has the length for so many (default: as many as may be). */
  slots?: number
  /** Seconds to wait, up to 30, until something of any size is there (default 0). */
  waitSeconds?: number
  signal?: AbortSignal
}

export interface FetchedEnvelopes {
  readonly envelopes: readonly FetchedEnvelope[]
  /** For each of the relay's sizes, whether more of it waits than is in this answer. */
  readonly waiting: readonly boolean[]
}

export interface FetchedEnvelope {
  /** 22 characters: what `acknowledge` takes. The same in every later fetch, and over sockets. */
  readonly id: string
  readonly envelope: Uint8Array
}

/** Receiving with single requests: neither displaces a socket nor is displaced by one. [protocol §5] */
export interface HttpReceiver {
  /**
   * Fetches what waits, without changing anything: what is not acknowledged is fetched again.
   * @throws RelayError; NetworkError; UnexpectedAnswerError; AbortedError; ClientError ERR_FETCH_RANGE
   */
  fetchEnvelopes(options?: FetchOptions): Promise<FetchedEnvelopes>
  /**
   * Resolves when the relay has erased these envelopes. Ids that name none are ignored.
   * @throws RelayError; NetworkError; UnexpectedAnswerError; AbortedError; ClientError ERR_ENVELOPE_ID
   */
  acknowledge(ids: readonly string[], options?: { signal?: AbortSignal }): Promise<void>
}

/** @throws ClientError ERR_RELAY_URL */
export function createHttpReceiver(options: HttpReceiverOptions): HttpReceiver {
  return new SignedRequests(options)
}

class SignedRequests implements HttpReceiver {
  readonly #options: HttpReceiverOptions
  readonly #origin: string
  #info: Pick<RelayInfo, 'envelopeBytes'> | undefined
  /** What the relay's clock is ahead of this one, once it has said that it is. */
  #clockOffsetSeconds = 0

  constructor(options: HttpReceiverOptions) {
    this.#options = options
    this.#origin = parseRelayUrl(options.relay).origin
    this.#info = options.info
  }

  async fetchEnvelopes(options: FetchOptions = {}): Promise<FetchedEnvelopes> {
    const { sizeIndex = 0, waitSeconds = 0, signal } = options
    const { envelopeBytes } = await this.#getInfo(signal)
    const size = envelopeBytes[sizeIndex] ?? Number.POSITIVE_INFINITY
    const mostSlots = Math.min(MAX_FETCH_SLOTS, Math.floor(MAX_FETCH_BYTES / size))
    const { slots = mostSlots } = options
    const isInRange = isWhole(slots, 1, mostSlots) && isWhole(waitSeconds, 0, MAX_FETCH_WAIT_SECONDS)
    if (!isInRange) throw new ClientError('ERR_FETCH_RANGE')
    const { publicKey } = this.#options.mailbox
    const { body } = await this.#send({
      kind: 'fetch',
      encode: (timeSeconds) => encodeFetchRequest({ publicKey, timeSeconds, sizeIndex, waitSeconds, slots }),
      expectedStatus: 200,
      maxBytes: fetchAnswerBytes(slots, size),
      waitSeconds,
      signal,
    })
    const answer = readAnswer(body, slots, size)
    return {
      envelopes: answer.envelopes.map(({ id, envelope }) => ({ id: toBase64url(id), envelope })),
      waiting: envelopeBytes.map((_, i) => (answer.waiting & (1 << i)) !== 0),
    }
  }

  async acknowledge(ids: readonly string[], { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const bytes = ids.map(readId)
    const { publicKey } = this.#options.mailbox
    for (let i = 0; i < bytes.length; i += MAX_ACK_IDS) {
      const batch = concatBytes(...bytes.slice(i, i + MAX_ACK_IDS))
      await this.#send({
        kind: 'ack',
        encode: (timeSeconds) => encodeAckRequest({ publicKey, timeSeconds, ids: batch }),
        expectedStatus: 204,
        maxBytes: 0,
        waitSeconds: 0,
        signal,
      })
    }
  }

  async #getInfo(signal: AbortSignal | undefined): Promise<Pick<RelayInfo, 'envelopeBytes'>> {
    const { relay, mailbox: _, info: __, ...options } = this.#options
    this.#info ??= await getInfo(relay, signal ? { ...options, signal } : options)
    return this.#info
  }

  /** Signs and sends; where the relay says that the time is stale, once more by the relay's own clock. */
  async #send(request: SignedRequest): Promise<HttpAnswer> {
    try {
      return await this.#sendNow(request)
    } catch (error) {
      const isStale = error instanceof RelayError && error.code === 'ERR_STALE'
      if (!isStale || error.dateSeconds === undefined) throw error
      this.#clockOffsetSeconds = error.dateSeconds - Date.now() / 1_000
      return await this.#sendNow(request)
    }
  }

  #sendNow({ kind, encode, waitSeconds, signal, ...expected }: SignedRequest): Promise<HttpAnswer> {
    const { mailbox, retry, fetch, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options
    return withRetries({ ...REQUEST_RETRY, ...retry }, signal, () => {
      const nowSeconds = Date.now() / 1_000 + this.#clockOffsetSeconds
      const covered = encode(Math.floor(nowSeconds / MINUTE_SECONDS) * MINUTE_SECONDS)
      const body = concatBytes(covered, signRequest(mailbox, kind, this.#origin, covered))
      return callRelay({
        ...expected,
        ...(fetch && { fetch }),
        url: `${this.#origin}/v1/mailbox/${kind}`,
        body,
        timeoutMs: timeoutMs + waitSeconds * 1_000,
        signal,
      })
    })
  }
}

interface SignedRequest {
  kind: 'fetch' | 'ack'
  /** The part that is signed, for a time in Unix seconds. */
  encode(timeSeconds: number): Uint8Array
  expectedStatus: number
  maxBytes: number
  waitSeconds: number
  signal: AbortSignal | undefined
}

function readAnswer(body: Uint8Array, slots: number, size: number): ReturnType<typeof parseFetchAnswer> {
  try {
    return parseFetchAnswer(body, slots, size)
  } catch (cause) {
    throw new UnexpectedAnswerError({ status: 200, cause })
  }
}

function readId(id: string): Uint8Array {
  try {
    const bytes = parseBase64url(id)
    if (bytes.length === ENVELOPE_ID_BYTES) return bytes
  } catch {
    // falls through
  }
  throw new ClientError('ERR_ENVELOPE_ID')
}

function isWhole(value: number, lowest: number, highest: number): boolean {
  return Number.isInteger(value) && value >= lowest && value <= highest
}
