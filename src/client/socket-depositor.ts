import { DEPOSIT_HEADER_BYTES, encodeDepositFrame, parseDepositAnswer } from '../protocol/deposit-frames.ts'
import { CLOSE, errorCodeOf } from '../protocol/errors.ts'
import { classSeconds, grantClass } from '../protocol/retention.ts'
import { throwIfAborted } from './abort.ts'
import { DepositQueue, PendingDeposit } from './deposit-queue.ts'
import { type Deposit, type DepositOptions, type Depositor, type DepositReceipt, readTtlSeconds } from './depositor.ts'
import { ClientError, NetworkError, RelayError, UnexpectedAnswerError } from './errors.ts'
import type { HttpOptions } from './http.ts'
import { getInfo, type RelayInfo } from './info.ts'
import { readAddress } from './mailbox.ts'
import { parseRelayUrl } from './relay-url.ts'
import { Backoff, isTransientCode, REQUEST_RETRY, type RetryOptions, type RetryPolicy } from './retry.ts'
import { CLOSE_ABNORMAL, chooseWebSocket, openSocket, type Socket, type WebSocketConstructor } from './socket.ts'

const CHECKS_PER_TIMEOUT = 4

type KnownInfo = Pick<RelayInfo, 'envelopeBytes' | 'defaultTtl' | 'maxTtl'>

export interface SocketDepositorOptions extends HttpOptions {
  /** http(s) or ws(s) URL of the relay. */
  relay: string | URL
  /** Where the runtime has no WebSocket of its own (Node 20): the one of the package `ws`, for example. */
  WebSocket?: WebSocketConstructor
  /** Bounds for failures in a row: of connections, and of one deposit. */
  retry?: RetryOptions
  /** Most bytes that are sent and not yet answered (default 1,000,000). */
  maxInFlightBytes?: number
  /** Longest random pause in milliseconds before coming back to a relay that shut down (default 3,000). */
  drainDelayMs?: number
  /** What `getInfo` gave, if it has been asked already; without it, it is asked before the first deposit. */
  info?: KnownInfo
}

/**
 * Deposits over one socket, many at a time and in the order of the calls: right for a stream of messages. The socket is
 * opened at the first deposit and kept until `close`. A lost connection is made again, and what was not answered is
 * sent again, so an envelope may be stored twice. After a transient refusal the order is no longer sure. [protocol §4]
 * @throws ClientError ERR_RELAY_URL, ERR_NO_WEBSOCKET
 */
export function createSocketDepositor(options: SocketDepositorOptions): Depositor {
  return new SocketDepositor(options)
}

class SocketDepositor implements Depositor {
  readonly #options: SocketDepositorOptions
  readonly #url: string
  readonly #WebSocket: WebSocketConstructor
  readonly #policy: RetryPolicy
  readonly #backoff: Backoff
  readonly #queue = new DepositQueue()
  readonly #sent = new Map<number, PendingDeposit>()
  readonly #closing = new AbortController()
  #info: KnownInfo | undefined
  #isAsking = false
  #socket: Socket | undefined
  #isOpen = false
  #sentBytes = 0
  #nextRef = 0
  #progressMs = 0
  #watch: ReturnType<typeof setInterval> | undefined
  /** Runs while nothing is to be sent: before connecting again, or after a transient refusal. */
  #pause: ReturnType<typeof setTimeout> | undefined

  constructor(options: SocketDepositorOptions) {
    this.#options = options
    this.#url = `${parseRelayUrl(options.relay).socketOrigin}/v1/deposit`
    this.#WebSocket = chooseWebSocket(options.WebSocket)
    this.#policy = { ...REQUEST_RETRY, ...options.retry }
    this.#backoff = new Backoff(this.#policy)
    this.#info = options.info
  }

  async deposit(deposit: Deposit, { signal }: DepositOptions = {}): Promise<DepositReceipt> {
    throwIfAborted(signal)
    if (this.#closing.signal.aborted) throw new ClientError('ERR_CLOSED')
    const address = readAddress(deposit.address)
    const ttlSeconds = deposit.ttlSeconds === undefined ? undefined : readTtlSeconds(deposit.ttlSeconds)
    const pending = new PendingDeposit(
      { address, envelope: deposit.envelope, ttlSeconds },
      { policy: this.#policy, signal },
    )
    this.#queue.add(pending)
    this.#proceed()
    return { ttlSeconds: await pending.done }
  }

  close(): void {
    this.#closing.abort()
    this.#socket?.close()
    this.#rejectAll(new ClientError('ERR_CLOSED'))
  }

  /** Asks once for all deposits; after a failure the next deposit asks again. */
  async #askInfo(): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    const { relay, fetch, timeoutMs, retry } = this.#options
    const http = { ...(fetch && { fetch }), ...(timeoutMs && { timeoutMs }), ...(retry && { retry }) }
    try {
      this.#info = await getInfo(relay, { ...http, signal: this.#closing.signal })
      this.#isAsking = false
      this.#proceed()
    } catch (error) {
      this.#isAsking = false
      this.#rejectAll(error as ClientError)
    }
  }

  /** Sends what may be sent, connecting first where that is needed. */
  #proceed(): void {
    if (this.#pause !== undefined) return
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      if (this.#info === undefined) return void this.#askInfo()
      if (!this.#isOpen) return this.#connect()
      const { maxInFlightBytes = 1_000_000 } = this.#options
      if (this.#sent.size > 0 && this.#sentBytes + frameBytes(next) > maxInFlightBytes) return
      this.#queue.take(next)
      this.#send(next, this.#info)
    }
  }

  #send(deposit: PendingDeposit, { envelopeBytes, defaultTtl }: KnownInfo): void {
    // The relay would close the whole socket over such a frame.
    if (deposit.envelope.length > Math.max(...envelopeBytes)) return deposit.reject(new RelayError('ERR_TOO_LARGE'))
    if (this.#sent.size === 0) this.#progressMs = performance.now()
    const ref = this.#nextRef
    this.#nextRef = (ref + 1) % 2 ** 32
    this.#sent.set(ref, deposit)
    this.#sentBytes += frameBytes(deposit)
    const { address, envelope, ttlSeconds = defaultTtl } = deposit
    this.#socket?.send(encodeDepositFrame({ ref, ttlSeconds, address, envelope }))
  }

  #connect(): void {
    if (this.#socket !== undefined) return
    const { timeoutMs = 30_000 } = this.#options
    this.#progressMs = performance.now()
    this.#watch = setInterval(() => this.#checkProgress(timeoutMs), timeoutMs / CHECKS_PER_TIMEOUT)
    this.#socket = openSocket(this.#url, this.#WebSocket, {
      onOpen: () => {
        this.#isOpen = true
        this.#proceed()
      },
      onFrame: (frame) => this.#onAnswer(frame),
      onClose: (code, cause) => this.#onLost(code, cause),
      onFailure: (error) => this.#rejectAll(error),
    })
  }

  #onAnswer(frame: Uint8Array): void {
    const answer = parseDepositAnswer(frame)
    const deposit = this.#sent.get(answer.ref)
    if (deposit === undefined) throw new UnexpectedAnswerError()
    this.#sent.delete(answer.ref)
    this.#sentBytes -= frameBytes(deposit)
    this.#progressMs = performance.now()
    this.#backoff.succeed()
    if (answer.kind === 'accepted') deposit.resolve(this.#granted(deposit))
    else this.#onRefusal(deposit, answer.number)
    this.#proceed()
  }

  /** ACCEPTED does not tell the class, but what the relay says of itself does. [protocol §3] */
  #granted({ ttlSeconds }: PendingDeposit): number {
    const { defaultTtl, maxTtl } = this.#info as KnownInfo
    return classSeconds(grantClass(ttlSeconds ?? defaultTtl, maxTtl))
  }

  #onRefusal(deposit: PendingDeposit, number: number): void {
    const code = errorCodeOf(number)
    const delayMs = isTransientCode(code) ? deposit.backoff.fail() : undefined
    if (delayMs !== undefined) {
      this.#queue.putBack([deposit])
      this.#pauseFor(delayMs)
    } else {
      deposit.reject(code === undefined ? new UnexpectedAnswerError() : new RelayError(code))
    }
  }

  #onLost(closeCode: number, cause?: unknown): void {
    const unanswered = this.#letGo()
    if (closeCode === CLOSE.malformed || closeCode === CLOSE.tooLarge) {
      const code = closeCode === CLOSE.malformed ? 'ERR_MALFORMED' : 'ERR_TOO_LARGE'
      for (const deposit of unanswered) deposit.reject(new RelayError(code))
    } else {
      this.#queue.putBack(unanswered)
    }
    if (this.#queue.peek() === undefined) return
    const { drainDelayMs = 3_000 } = this.#options
    const delayMs = this.#backoff.fail(closeCode === CLOSE.draining ? Math.random() * drainDelayMs : 0)
    if (delayMs !== undefined) return this.#pauseFor(delayMs)
    this.#backoff.succeed() // what is deposited from now on has its own chance
    this.#rejectAll(new NetworkError({ cause }))
  }

  #pauseFor(delayMs: number): void {
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined
      this.#proceed()
    }, delayMs)
  }

  #checkProgress(timeoutMs: number): void {
    const isWaiting = !this.#isOpen || this.#sent.size > 0
    if (!isWaiting || performance.now() - this.#progressMs < timeoutMs) return
    this.#socket?.close()
    this.#onLost(CLOSE_ABNORMAL)
  }

  /** Forgets the connection, and gives what was sent on it and not answered. */
  #letGo(): PendingDeposit[] {
    const unanswered = [...this.#sent.values()]
    clearInterval(this.#watch)
    clearTimeout(this.#pause)
    this.#pause = undefined
    this.#isOpen = false
    this.#sent.clear()
    this.#sentBytes = 0
    this.#socket = undefined
    return unanswered
  }

  #rejectAll(error: ClientError): void {
    for (const deposit of this.#letGo()) deposit.reject(error)
    this.#queue.rejectAll(error)
  }
}

function frameBytes({ envelope }: PendingDeposit): number {
  return DEPOSIT_HEADER_BYTES + envelope.length
}
