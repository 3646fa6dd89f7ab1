import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import { SUBPROTOCOL } from '../protocol/subprotocol.ts'

/** A peer that does not answer a close frame is cut off after this time. */
const CLOSE_GRACE_MS = 3_000

/**
 * Lets an HTTP server speak WebSocket: `lethe.v1`, no extensions, whole messages up to a limit (1009 beyond it).
 * @param maxFrameBytes longest message, its fragments together
 */
export async function registerWebSockets(app: FastifyInstance, maxFrameBytes: number): Promise<void> {
  const options = {
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    // A text frame is refused as such, whatever it holds.
    skipUTF8Validation: true,
    closeTimeout: CLOSE_GRACE_MS,
    handleProtocols: (offered: Set<string>) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  }
  await app.register(websocket, {
    options,
    errorHandler: (_error, socket) => socket.terminate(),
    preClose(done) {
      for (const client of app.websocketServer.clients) client.close(1001)
      setTimeout(() => {
        for (const client of app.websocketServer.clients) client.terminate()
      }, CLOSE_GRACE_MS).unref()
      app.websocketServer.close(() => done())
    },
  })
}
