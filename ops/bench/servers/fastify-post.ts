import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'

/** Bare Fastify: it takes the body of a deposit, throws it away and answers 202. */
const app = fastify()
app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.post('/v1/deposit', (_request, reply) => {
  reply.code(202).header('ttl', '86400').send()
})
await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.((app.server.address() as AddressInfo).port)
process.on('disconnect', () => process.exit())
