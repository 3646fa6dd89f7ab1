import type { FastifyInstance } from 'fastify'

export interface InfoPages {
  /** What anyone may ask, as JSON. */
  json(): string
  /** The same as a page of HTML that loads nothing. */
  html(): string
}

const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** `GET /v1/info` for programs, `GET /` the same for people. [protocol §7] */
export function addInfoRoutes(app: FastifyInstance, pages: InfoPages): void {
  app.get('/v1/info', { exposeHeadRoute: true }, (_request, reply) => {
    reply.type('application/json; charset=utf-8').send(pages.json())
  })
  app.get('/', { exposeHeadRoute: true }, (_request, reply) => {
    reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_POLICY).send(pages.html())
  })
}
