import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'

export interface HealthOptions {
  /** Whether this instance takes deposits and opens mailboxes now. */
  isReady(): boolean
  /** Metrics in Prometheus' text form, and its content type. */
  metrics(): Promise<{ contentType: string; text: string }>
}

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

/** The admin listener: `/livez`, `/readyz`, `/metrics`. Not for the public: it says how busy this instance is. */
export function createAdminServer({ isReady, metrics }: HealthOptions): FastifyInstance {
  const notFound = (reply: FastifyReply) => reply.headers(HEADERS).code(404).type('text/plain').send('not found\n')
  // It closes last, and nobody who asks for health or metrics is worth waiting for then.
  const app = Fastify({
    logger: false,
    // Fastify's own answer to a path that is none repeats it.
    frameworkErrors: (_error, _request, reply) => notFound(reply as never),
    requestTimeout: 10_000,
    return503OnClosing: false,
    forceCloseConnections: true,
  })
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(HEADERS)
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
  app.setNotFoundHandler((_request, reply) => notFound(reply))
  app.setErrorHandler((_error, _request, reply) => reply.code(500).type('text/plain').send('failed\n'))
  return app
}
