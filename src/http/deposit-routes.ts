import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Asker, Depositor } from '../mailbox/deposit.ts'
import type { Sender } from '../mailbox/intake.ts'
import type { RelayPolicy } from '../mailbox/policy.ts'
import { ADDRESS_BYTES } from '../protocol/address.ts'
import { sizeIndexOf } from '../protocol/envelope.ts'
import { LetheError } from '../protocol/errors.ts'
import { readTtl } from '../protocol/retention.ts'
import { sendProblem } from './problems.ts'

/** `POST /v1/deposit`: `address[32] ‖ envelope`, answered when the store has confirmed. [protocol §4] */
export function addDepositRoutes(app: FastifyInstance, depositor: Depositor, policy: RelayPolicy): void {
  const senders = new WeakMap<Socket, Sender>()
  const bodyLimit = ADDRESS_BYTES + Math.max(...policy.envelopeBytes)
  app.post('/v1/deposit', { bodyLimit }, (request, reply) => {
    const frame = octets(request.body)
    const ttlSeconds = ttlOf(request.headers.ttl, policy.defaultTtlSeconds)
    if (frame.length < ADDRESS_BYTES) throw new LetheError('ERR_MALFORMED')
    const sizeIndex = sizeIndexOf(frame.length - ADDRESS_BYTES, policy.envelopeBytes)
    if (sizeIndex < 0) throw new LetheError('ERR_ENVELOPE_SIZE')
    const address = frame.subarray(0, ADDRESS_BYTES)
    const asker: Asker = {
      accepted: (_ref, _bytes, grantedSeconds) => reply.code(202).header('ttl', String(grantedSeconds)).send(),
      refused: (_ref, _bytes, code) => sendProblem(reply, code),
    }
    depositor.deposit({
      address,
      ttlSeconds,
      sizeIndex,
      frame,
      envelopeOffset: ADDRESS_BYTES,
      sender: senderOn(senders, request.raw.socket),
      asker,
      ref: 0,
    })
    return reply
  })
}

// Several requests may be under way on one connection. [RFC9112-9.3.2]
function senderOn(senders: WeakMap<Socket, Sender>, connection: Socket): Sender {
  const known = senders.get(connection)
  if (known) return known
  const sender = { inHand: 0 }
  senders.set(connection, sender)
  return sender
}

/** The body, which is absent only where no content type was given. @throws LetheError ERR_MEDIA_TYPE */
export function octets(body: unknown): Buffer {
  if (!Buffer.isBuffer(body)) throw new LetheError('ERR_MEDIA_TYPE')
  return body
}

// Node joins repeated headers with a comma, which no number has.
function ttlOf(header: string | string[] | undefined, defaultSeconds: number): number {
  if (header === undefined) return defaultSeconds
  const seconds = typeof header === 'string' ? readTtl(header) : undefined
  if (seconds === undefined) throw new LetheError('ERR_MALFORMED')
  return seconds
}
