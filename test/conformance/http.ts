import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request as sendRequest } from 'node:http'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { ackBody, type FetchRequest, fetchBody, type Mailbox } from './client.ts'
import { type FetchAnswer, parseFetchAnswer } from './frames.ts'

/** An HTTP answer, whole. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Name and value in turns, as they came. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/** What to ask for; a `Content-Length` goes with a body unless it is `chunked`. */
export interface Ask {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Buffer
  readonly chunked?: boolean
  /** Where to connect from. */
  readonly localAddress?: string
}

/** The media type of what is posted [protocol §4]. */
export const OCTETS = 'application/octet-stream'

const PIECE_BYTES = 65_536
const PATIENCE_MS = 40_000

/** Sends one request on a connection of its own. */
export function request(relay: { url: string }, path: string, ask: Ask = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, chunked = false, localAddress } = ask
  const framing: OutgoingHttpHeaders = body && !chunked ? { 'Content-Length': body.length } : {}
  const { hostname, port } = new URL(relay.url)
  return new Promise((resolve, reject) => {
    const options = { hostname, port, path, method, headers: { ...headers, ...framing }, agent: false, localAddress }
    let answered = false
    const outgoing = sendRequest(options, (response) => {
      answered = true
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        const { statusCode = 0, headers, rawHeaders } = response
        resolve({ status: statusCode, headers, rawHeaders, body: Buffer.concat(chunks) })
        outgoing.destroy()
      })
    })
    outgoing.setTimeout(PATIENCE_MS, () => outgoing.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)))
    outgoing.once('error', reject)
    const sendBody = async (bytes: Buffer) => {
      for (let start = 0; start < bytes.length && !answered; start += PIECE_BYTES) {
        outgoing.write(bytes.subarray(start, start + PIECE_BYTES))
        await turn() // an answer that came early is read before more is sent
      }
      outgoing.end()
    }
    if (body) void sendBody(body)
    else outgoing.end()
  })
}

/** Sends a POST with the right media type. */
export function post(
  relay: { url: string },
  path: string,
  body: Buffer,
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  return request(relay, path, { method: 'POST', body, headers: { 'Content-Type': OCTETS, ...headers } })
}

/** Lays one envelope into a mailbox over HTTP [protocol §4]; `ttl` in seconds, or whatever the header shall say. */
export function deposit(
  relay: { url: string },
  address: Buffer,
  envelope: Buffer,
  ttl?: number | string | string[],
): Promise<Answer> {
  const headers = ttl === undefined ? {} : { TTL: ttl }
  return post(relay, '/v1/deposit', Buffer.concat([address, envelope]), headers)
}

/** Where signed requests go, and the origin they name. */
export interface Signable {
  readonly url: string
  readonly origin: string
}

/** Fetches from a mailbox [protocol §5]; rejects where the answer is not a 200 of exactly the right length. */
export async function fetchFrom(
  relay: Signable,
  mailbox: Mailbox,
  fetch: FetchRequest & { sizeBytes?: number } = {},
): Promise<FetchAnswer> {
  const { sizeBytes = fetch.sizeIndex === 1 ? 64_000 : 4_000, slots = 1 } = fetch
  const answer = await post(relay, '/v1/mailbox/fetch', fetchBody(mailbox, relay.origin, fetch))
  if (answer.status !== 200) throw new Error(`fetch was answered ${answer.status}: ${answer.body}`)
  return parseFetchAnswer(answer.body, sizeBytes, slots)
}

/** Acknowledges over HTTP [protocol §5]. */
export function acknowledge(relay: Signable, mailbox: Mailbox, ids: readonly string[]): Promise<Answer> {
  return post(relay, '/v1/mailbox/ack', ackBody(mailbox, relay.origin, ids))
}

/** Sends bytes as they are and resolves with all that came back when the relay ends the connection. */
export function exchangeRaw(relay: { url: string }, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(relay.url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) })
    let received = ''
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('the relay did not end the connection')))
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(received))
    socket.write(bytes)
  })
}
