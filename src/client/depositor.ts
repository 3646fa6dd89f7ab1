import { concatBytes } from '../protocol/bytes.ts'
import { readTtl } from '../protocol/retention.ts'
import { ClientError, UnexpectedAnswerError } from './errors.ts'
import { callRelay, type HttpOptions } from './http.ts'
import { readAddress } from './mailbox.ts'
import { parseRelayUrl } from './relay-url.ts'
import { REQUEST_RETRY, type RetryOptions, withRetries } from './retry.ts'

/** An envelope for somebody. */
export interface Deposit {
  /** 32 bytes, or their text of 43 characters. */
  address: Uint8Array | string
  /** Of exactly one of the relay's sizes; `pad` makes it so. Encrypt first: the relay's operator can read what is not. */
  envelope: Uint8Array
  /** How long it should wait at most; without it the relay's default. */
  ttlSeconds?: number
}

/** What the relay took on: it has stored the envelope. */
export interface DepositReceipt {
  /** The lifetime granted: the envelope waits more than 5/6 of it, and never longer. [protocol §3] */
  readonly ttlSeconds: number
}

export interface DepositOptions {
  /** Ends the waiting. An envelope that was already on its way may be stored nevertheless. */
  signal?: AbortSignal
}

/** A way to deposit envelopes. Delivery is at least once: a deposit whose answer was lost is sent again. */
export interface Depositor {
  /**
   * Resolves when the relay has stored the envelope. Lost connections, a relay that is busy, draining or without its
   * store are tried again within the bounds of `retry`.
   * @throws RelayError for what will not pass; NetworkError; UnexpectedAnswerError; AbortedError; ClientError
   */
  deposit(deposit: Deposit, options?: DepositOptions): Promise<DepositReceipt>
  /** Lets go of connections; what is still waiting for its answer fails with ERR_CLOSED. */
  close(): void
}

export interface HttpDepositorOptions extends HttpOptions {
  /** http(s) or ws(s) URL of the relay. */
  relay: string | URL
  retry?: RetryOptions
}

/**
 * Deposits with one request each: right for a message now and then. [protocol §4]
 * @throws ClientError ERR_RELAY_URL
 */
export function createHttpDepositor({ relay, retry, ...http }: HttpDepositorOptions): Depositor {
  const url = `${parseRelayUrl(relay).origin}/v1/deposit`
  const policy = { ...REQUEST_RETRY, ...retry }
  const closing = new AbortController()

  return {
    async deposit({ address, envelope, ttlSeconds }, { signal } = {}) {
      const body = concatBytes(readAddress(address), envelope)
      const headers: Record<string, string> =
        ttlSeconds === undefined ? {} : { TTL: String(readTtlSeconds(ttlSeconds)) }
      const ending = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal
      const call = { ...http, url, body, headers, signal: ending, expectedStatus: 202, maxBytes: 0 }
      const answer = await withRetries(policy, ending, () => callRelay(call)).catch((error: unknown) => {
        throw closing.signal.aborted ? new ClientError('ERR_CLOSED') : error
      })
      const granted = readTtl(answer.headers.get('TTL') ?? '')
      if (granted === undefined) throw new UnexpectedAnswerError({ status: 202 })
      return { ttlSeconds: granted }
    },
    close() {
      closing.abort()
    },
  }
}

/**
 * A lifetime as a caller may ask for it: whole seconds, saturating where the protocol's fields end. [protocol §4]
 * @throws ClientError ERR_TTL
 */
export function readTtlSeconds(ttlSeconds: number): number {
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 0) throw new ClientError('ERR_TTL')
  return Math.min(ttlSeconds, 0xffff_ffff)
}
