import { connect, type Socket } from 'node:net'
import { ERRORS, type ErrorCode } from '../../src/protocol/errors.ts'
import type { Test } from '../_util/tap.ts'

/** Put into every part of what is sent; must come back in nothing. */
export const CANARY = 'CanaryQ7x'

/** One HTTP answer, read from the bytes by hand. */
export interface RawAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What came back on one connection. */
export interface Exchange {
  /** Everything, a character a byte. */
  readonly text: string
  readonly answers: readonly RawAnswer[]
  /** Whether the relay ended the connection, or reset it. */
  readonly isEnded: boolean
}

const PATIENCE_MS = 20_000

/** A TCP connection on which anything can be sent, also after the relay has ended its side. */
export class RawConnection {
  readonly socket: Socket
  #received = ''
  #isEnded = false
  readonly #waiting = new Set<() => void>()

  constructor(relay: { url: string }) {
    const { hostname, port } = new URL(relay.url)
    this.socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    this.socket.setEncoding('latin1').on('data', (chunk: string) => {
      this.#received += chunk
      this.#look()
    })
    const ended = () => {
      this.#isEnded = true
      this.#look()
    }
    this.socket
      .on('error', () => {})
      .on('end', ended)
      .on('close', ended)
  }

  /** All that came so far, a character a byte. */
  get received(): string {
    return this.#received
  }

  /** Whether the relay has ended its side. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Bytes, or a text of which each character is a byte. */
  write(bytes: Buffer | string): void {
    if (this.socket.writable) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Resolves with true as soon as `isSo`, looked at whenever something comes; with false when the time is up. */
  async when(isSo: () => boolean, timeoutMs = PATIENCE_MS): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    while (!isSo()) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return false
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#waiting.add(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    return true
  }

  #look(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  /** What has come so far. */
  seen(): Exchange {
    return { text: this.#received, answers: parseAnswers(this.#received), isEnded: this.#isEnded }
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** Sends bytes and resolves when `answers` answers have come (those of HEAD are `bodiless`) or the relay ends it. */
export async function exchange(
  relay: { url: string },
  bytes: Buffer | string,
  { answers = 1 }: { answers?: number } = {},
): Promise<Exchange> {
  const connection = new RawConnection(relay)
  connection.write(bytes)
  const isDone = () => connection.isEnded || connection.seen().answers.length >= answers
  if (!(await connection.when(isDone))) throw new Error(`no answer to ${JSON.stringify(bytes.toString().slice(0, 80))}`)
  const seen = connection.seen()
  connection.destroy()
  return seen
}

/** As `exchange`, but waits until the relay has ended the connection; rejects where it does not. */
export async function exchangeToEnd(relay: { url: string }, bytes: Buffer | string): Promise<Exchange> {
  const connection = new RawConnection(relay)
  connection.write(bytes)
  const isEnded = await connection.when(() => connection.isEnded)
  connection.destroy()
  if (!isEnded) throw new Error(`not ended after ${JSON.stringify(bytes.toString().slice(0, 80))}`)
  return connection.seen()
}

/** Whole answers, in order. A 100 and a 101 have no body; neither has an answer without a length. */
export function parseAnswers(text: string): RawAnswer[] {
  const answers: RawAnswer[] = []
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end < 0) return answers
    const [statusLine = '', ...lines] = text.slice(at, end).split('\r\n')
    const headers = Object.fromEntries(lines.map(parseHeader))
    const length = Number(headers['content-length'] ?? 0)
    const body = text.slice(end + 4, end + 4 + length)
    if (body.length < length) return answers
    answers.push({ status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? 0), headers, body })
    at = end + 4 + length
  }
}

function parseHeader(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}

/** An answer with an error must be one of the registry, foreseen, and of these where any are named. [protocol §6] */
export function checkRegistered(t: Test, answer: RawAnswer, what: string, codes: readonly ErrorCode[] = []): void {
  const { code, ...problem } = parseProblem(answer.body)
  const registered = ERRORS[code as ErrorCode] as { status: number; title: string } | undefined
  t.equal(answer.headers['content-type'], 'application/problem+json', `problem+json: ${what}`)
  t.equal(answer.headers['cache-control'], 'no-store', `no-store: ${what}`)
  t.same(
    { ...problem, answered: answer.status },
    { type: 'about:blank', title: registered?.title, status: registered?.status, answered: registered?.status },
    `an error of the registry, ${code}: ${what}`,
  )
  t.not(code, 'ERR_INTERNAL', `foreseen: ${what}`)
  if (codes.length > 0) t.ok(codes.includes(code as ErrorCode), `${codes.join(' or ')}, not ${code}: ${what}`)
}

function parseProblem(body: string): Record<string, unknown> {
  try {
    return JSON.parse(body)
  } catch {
    return {}
  }
}

/** Nothing of what was sent may come back. [protocol §6] */
export function checkNoEcho(t: Test, text: string, what: string): void {
  t.notMatch(text, new RegExp(CANARY, 'i'), `no echo: ${what}`)
}
