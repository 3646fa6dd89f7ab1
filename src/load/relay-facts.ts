import { type IncomingMessage, request } from 'node:http'
import { request as requestTls } from 'node:https'
import { getInfo, type RelayInfo, type RetryOptions } from '../client/index.ts'

/** One question, asked a few times: somebody waits for the test to begin. */
const RETRY: RetryOptions = { maxAttempts: 4, maxTotalMs: 15_000 }

/**
 * What a relay says of itself.
 * @param ca certificates in PEM to trust in place of the system's
 * @throws ClientError ERR_RELAY_URL; NetworkError; UnexpectedAnswerError
 */
export function askRelay(url: string, ca?: string): Promise<RelayInfo> {
  return getInfo(url, { retry: RETRY, ...(ca !== undefined && { fetch: fetchTrusting(ca) }) })
}

/** A `fetch` for GET that trusts certificates of one's own, which Node's cannot be told. */
function fetchTrusting(ca: string): typeof globalThis.fetch {
  return async (input) => {
    const url = new URL(String(input))
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = url.protocol === 'https:' ? requestTls(url, { ca }) : request(url)
      call.once('response', resolve).once('error', reject).end()
    })
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return new Response(Buffer.concat(chunks), { status: response.statusCode ?? 500 })
  }
}
