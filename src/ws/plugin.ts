import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import { CLOSE } from '../protocol/errors.ts'
import { SUBPROTOCOL } from '../protocol/subprotocol.ts'

/** A peer that does not answer a close frame is cut off after this time. */
const CLOSE_GRACE_MS = 3_000
/** So long the store may take at the end to confirm what senders are owed an answer to. */
const ANSWER_GRACE_MS = 5_000

/**
 * How `ws` reads a socket: `lethe.v1`, no extensions, whole messages up to a limit (1009 beyond it).
 * @param maxFrameBytes longest message, its fragments together
 */
export function webSocketOptions(maxFrameBytes: number) {
  return {
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    // A text frame is refused as such, whatever it holds.
    skipUTF8Validation: true,
    closeTimeout: CLOSE_GRACE_MS,
    handleProtocols: (offered: Set<string>): string | false => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  }
}

/** Lets an HTTP server speak WebSocket. */
export async function registerWebSockets(app: FastifyInstance, maxFrameBytes: number): Promise<void> {
  await app.register(websocket, {
    options: webSocketOptions(maxFrameBytes),
    errorHandler: (_error, socket) => socket.terminate(),
    // Connections end themselves when they are drained, senders after their answers. A close frame from here would come
    // before those: an envelope that is stored without an answer is sent again.
    preClose(done) {
      const giveUp = setTimeout(() => {
        for (const client of app.websocketServer.clients) client.close(CLOSE.draining)
      }, ANSWER_GRACE_MS).unref()
      app.websocketServer.close(() => {
        clearTimeout(giveUp)
        done()
      })
    },
  })
}
