import Fastify, { type FastifyInstance } from 'fastify'

export interface HealthOptions {
  /** Whether this instance takes deposits and opens mailboxes now. */
  isReady(): boolean
  /** Metrics in Prometheus' text form, and its content type. */
  metrics(): Promise<{ contentType: string; text: string }>
}

/** The admin listener: `/livez`, `/readyz`, `/metrics`. Not for the public: it says how busy this instance is. */
export function createAdminServer({ isReady, metrics }: HealthOptions): FastifyInstance {
  // It closes last, and nobody who asks for health or metrics is worth waiting for then.
  const app = Fastify({
    logger: false,
    requestTimeout: 10_000,
    return503OnClosing: false,
    forceCloseConnections: true,
  })
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    done()
  })
  app.get('/livez', (_request, reply) => reply.type('text/plain').send('alive\n'))
  app.get('/readyz', (_request, reply) => {
    const ready = isReady()
    return reply
      .code(ready ? 200 : 503)
      .type('text/plain')
      .send(ready ? 'ready\n' : 'not ready\n')
  })
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await metrics()
    return reply.type(contentType).send(text)
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('not found\n'))
  app.setErrorHandler((_error, _request, reply) => reply.code(500).type('text/plain').send('failed\n'))
  return app
}
