import { WebSocket } from 'ws'
import type { RetryOptions } from '../client/index.ts'

export const DEFAULT_RELAY = 'http://localhost:8080'

export const RELAY_OPTION = { value: 'URL', help: `the relay (default: ${DEFAULT_RELAY})` } as const

/** Somebody waits at a terminal: a relay that does not answer is to be told of after seconds, not minutes. */
export const SHORT_RETRY: RetryOptions = { maxAttempts: 4, maxTotalMs: 15_000 }

const HANDSHAKE_TIMEOUT_MS = 20_000
/** Above the largest envelope that a relay can be configured for. */
const MAX_FRAME_BYTES = 1_100_000

/** The WebSocket that Node 20 does not have. */
export class NodeWebSocket extends WebSocket {
  constructor(url: string, protocols: string) {
    super(url, protocols, {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_FRAME_BYTES,
    })
  }
}
