import { Agent, type IncomingMessage, request } from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import { ERRORS, type ErrorCode } from '../protocol/errors.ts'
import { ConnectBackoff } from './backoff.ts'
import { depositBody } from './deposit-frame.ts'
import { type Due, Flights } from './flights.ts'
import type { Sender } from './sender.ts'
import type { Target } from './target.ts'
import { countEnd, type WorkerContext } from './worker-context.ts'

const ACCEPTED = 202
const MAX_PROBLEM_BYTES = 10_000

/** Deposits over one HTTP connection that is kept, one request after the other. No order is promised. */
export class HttpSender implements Sender {
  readonly #context: WorkerContext
  readonly #flights: Flights
  readonly #backoff = new ConnectBackoff()
  readonly #agents = new Map<Target, Agent>()
  #target: number
  #awayUntilMs = 0
  #isEnded = false

  constructor(context: WorkerContext, target: number) {
    this.#context = context
    this.#flights = new Flights(context)
    this.#target = target
  }

  get hasRoom(): boolean {
    return this.#flights.awaited === 0 && this.isConnected
  }

  get awaited(): number {
    return this.#flights.awaited
  }

  get isConnected(): boolean {
    return !this.#isEnded && performance.now() >= this.#awayUntilMs
  }

  send(due: Due): void {
    const { targets, pool, runId, worker } = this.#context
    const { number, mailbox, dueMs, lane, address, ttlSeconds, envelopeBytes } = due
    const stamp = { worker, number, mailbox, stream: 0, dueMs, lane }
    const body = depositBody(pool, runId, { ref: number, ttlSeconds, address, envelopeBytes, stamp })
    const target = targets[this.#target % targets.length] as Target
    const call = (target.isTls ? requestTls : request)({
      host: target.host,
      port: target.port,
      path: '/v1/deposit',
      method: 'POST',
      agent: this.#agentOf(target),
      headers: {
        Host: new URL(target.origin).host,
        'Content-Type': 'application/octet-stream',
        'Content-Length': body.length,
        TTL: String(ttlSeconds),
      },
      ...(target.ca !== undefined && { ca: target.ca }),
    })
    this.#flights.begin(due)
    call.on('socket', (socket) => {
      if (call.reusedSocket) return
      socket.setNoDelay(true)
      this.#context.connections.depositConnects++
    })
    call.once('response', (response) => this.#onResponse(number, response))
    call.once('error', () => this.#onError(number))
    call.end(body)
  }

  flush(): void {}

  giveUp(beforeMs: number): void {
    this.#flights.giveUp(beforeMs)
  }

  /** Connections are made when they are needed. */
  connect(): void {}

  leave(awayMs: number): void {
    this.#awayUntilMs = performance.now() + awayMs
    this.#closeAll()
  }

  end(): void {
    this.#isEnded = true
    this.#closeAll()
  }

  #closeAll(): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }

  #agentOf(target: Target): Agent {
    let agent = this.#agents.get(target)
    if (agent === undefined) {
      const localAddress = this.#context.nextLocalAddress()
      const options = { keepAlive: true, maxSockets: 1, ...(localAddress !== undefined && { localAddress }) }
      agent = target.isTls ? new TlsAgent(options) : new Agent(options)
      this.#agents.set(target, agent)
    }
    return agent
  }

  #onResponse(number: number, response: IncomingMessage): void {
    this.#backoff.succeed()
    if (response.statusCode === ACCEPTED) {
      response.resume()
      this.#flights.accepted(number)
      return
    }
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      if (text.length < MAX_PROBLEM_BYTES) text += chunk
    })
    response.once('error', () => this.#flights.lost(number))
    response.once('end', () => {
      const code = errorNumberOf(text)
      if (code === undefined) this.#flights.lost(number)
      else this.#flights.refused(number, code)
      if (code === undefined || code === ERRORS.ERR_DRAINING.number) this.#goElsewhere(response.statusCode)
    })
  }

  #onError(number: number): void {
    this.#flights.lost(number)
    if (!this.#isEnded) this.#goElsewhere(undefined)
  }

  #goElsewhere(httpStatus: number | undefined): void {
    countEnd(this.#context.connections, httpStatus === undefined ? 'lost' : 'refused', httpStatus)
    this.#target++
    this.#awayUntilMs = performance.now() + this.#backoff.fail()
  }
}

/** Number of the error that a problem document names; undefined where something else than a relay has answered. */
function errorNumberOf(text: string): number | undefined {
  try {
    const { code } = JSON.parse(text)
    return Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode].number : undefined
  } catch {
    return undefined
  }
}
