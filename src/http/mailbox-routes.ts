import type { FastifyInstance, FastifyReply } from 'fastify'
import { COST_BYTES } from '../mailbox/admission.ts'
import type { AnswerRoom, SignedMailbox } from '../mailbox/signed-mailbox.ts'
import { octets } from './deposit-routes.ts'
import { allowanceOf } from './limits.ts'

/** Twice what a signed request can need: up to here a wrong length is malformed, beyond it too large. */
const BODY_LIMIT_BYTES = 2048

/** `POST /v1/mailbox/fetch` and `/v1/mailbox/ack`: a mailbox without a socket. [protocol §5] */
export function addMailboxRoutes(app: FastifyInstance, mailbox: SignedMailbox, answerRoom: AnswerRoom): void {
  app.post('/v1/mailbox/fetch', { bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) => {
    allowanceOf(request).charge(COST_BYTES.signature)
    const gone = goneSignal(reply)
    const answer = await mailbox.fetch(octets(request.body), gone)
    const letGo = () => {
      answer.fill(0)
      answerRoom.give(answer.length)
    }
    if (gone.aborted) letGo()
    else gone.addEventListener('abort', letGo)
    return reply.type('application/octet-stream').send(answer)
  })
  app.post('/v1/mailbox/ack', { bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) => {
    allowanceOf(request).charge(COST_BYTES.signature)
    await mailbox.acknowledge(octets(request.body))
    return reply.code(204).send()
  })
}

// Of the response, not of the socket: a connection that is kept alive would collect a listener a request.
function goneSignal({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  raw.once('close', () => controller.abort())
  return controller.signal
}
