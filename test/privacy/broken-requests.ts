import { ackBody, createMailbox, fetchBody, minuteNow } from '../conformance/client.ts'
import { OCTETS, post, request } from '../conformance/http.ts'
import { brokenRequests, strangeRequests, upgrades } from '../integration/hostile-requests.ts'
import { CANARY, RawConnection } from '../integration/raw-http.ts'
import { randomToken } from './canaries.ts'
import { KEEPER, type Person } from './people.ts'
import type { Town } from './town.ts'
import { sendOverHttp, writeEnvelope } from './traffic.ts'
import type { Listening, Wire } from './wire.ts'

const PATHS = ['/v1/deposit', '/v1/mailbox', '/v1/mailbox/fetch', '/v1/mailbox/ack', '/v1/info', '/']
const AT_ONCE = 12
/** How long an answer to what is no request is waited for, in milliseconds. */
const PATIENCE_MS = 3_000

/** The codes of errors that were answered, as the problems name them. */
export type Provoked = Set<string>

/** Notes the code of an answer, where it is an error. */
export function note(provoked: Provoked, { body }: { body: Buffer }): void {
  const code = /"code":"(ERR_\w+)"/.exec(body.toString('latin1'))?.[1]
  if (code) provoked.add(code)
}

/** Sends bytes as they are, and waits for an answer or the end of the connection. */
async function sendRaw(wire: Wire, bytes: string): Promise<void> {
  const connection = new RawConnection(wire)
  connection.write(bytes)
  await connection.when(() => connection.isEnded || connection.received.includes('\r\n\r\n'), PATIENCE_MS)
  connection.destroy()
}

/** Everything that is no HTTP, or hardly, with canaries throughout. */
export async function sendHostileRequests(town: Town, person: Person, over: Listening): Promise<void> {
  const wire = await person.reach(over)
  const cases = [...brokenRequests(), ...strangeRequests(), ...upgrades(PATHS)]
  for (let i = 0; i < cases.length; i += AT_ONCE) {
    await Promise.all(
      cases.slice(i, i + AT_ONCE).map(({ bytes }) => {
        const token = town.book.add('url', randomToken()).bytes.toString()
        return sendRaw(wire, bytes.replaceAll(CANARY, token))
      }),
    )
  }
}

/** Errors of deposits: what does not parse, sizes, types, methods, routes. */
export async function breakDeposits(town: Town, person: Person, over: Listening, provoked: Provoked): Promise<void> {
  const wire = await person.reach(over)
  const { query, headers } = person
  const to = town.mailboxes.make(person.name)
  const envelope = writeEnvelope(town, { to, sizeIndex: 1 })
  const whole = Buffer.concat([to.address, envelope])
  const deposit = (body: Buffer, others: Record<string, string> = {}, method = 'POST', path = '/v1/deposit') =>
    request(wire, `${path}?${query}`, { method, body, headers: { ...headers, 'Content-Type': OCTETS, ...others } })
  const answers = [
    await deposit(whole.subarray(0, 20)),
    await deposit(whole.subarray(0, -1)),
    await deposit(Buffer.concat([whole, whole])),
    await deposit(Buffer.concat(Array<Buffer>(500).fill(whole))),
    await deposit(whole, { 'Content-Type': `text/${query}` }),
    await deposit(whole, { TTL: query }),
    await deposit(whole, {}, 'PUT'),
    await deposit(whole, {}, 'POST', `/v1/${to.address.toString('hex')}/${query}`),
    await deposit(whole, {}, 'POST', `/${encodeURIComponent(to.publicKey.toString('latin1'))}`),
    await request(wire, `/v1/deposit?${query}`, { headers: { ...headers } }),
    await request(wire, `/v1/mailbox?${to.address.toString('base64url')}`, { headers: { ...headers } }),
    await request(wire, `/v1/mailbox/fetch/${query}`, { method: 'OPTIONS', headers: { ...headers, Origin: query } }),
  ]
  for (const answer of answers) note(provoked, answer)
}

/** A bucket that is full. */
export async function fillBucket(town: Town, person: Person, over: Listening, provoked: Provoked): Promise<void> {
  const to = town.mailboxes.make(KEEPER)
  for (let i = 0; i < 9; i++) {
    note(provoked, await sendOverHttp(town, { from: person, over, to, sizeIndex: 1, ttl: 86_400 }))
  }
}

/** Signed requests that are signed wrongly, or are too old, or do not parse. */
export async function breakSignatures(town: Town, person: Person, over: Listening, provoked: Provoked): Promise<void> {
  const wire = await person.reach(over)
  const mailbox = town.mailboxes.make(person.name)
  const stranger = createMailbox()
  const id = town.book.add('envelopeId', stranger.publicKey.subarray(0, 16)).bytes.toString('hex')
  const elsewhere = 'https://elsewhere.example'
  const old = minuteNow() - 3_600
  const requests: [path: string, body: Buffer][] = [
    ['fetch', fetchBody(mailbox, elsewhere)],
    ['ack', ackBody(mailbox, elsewhere, [id])],
    ['fetch', fetchBody(mailbox, wire.origin, { time: old })],
    ['ack', ackBody(mailbox, wire.origin, [id], old)],
    ['fetch', fetchBody(mailbox, wire.origin, { slots: 99 })],
    ['fetch', fetchBody(mailbox, wire.origin).subarray(1)],
    ['ack', ackBody(mailbox, wire.origin, [])],
    ['ack', ackBody(mailbox, wire.origin, Array<string>(90).fill(id))],
    ['ack', Buffer.concat(Array<Buffer>(40).fill(ackBody(mailbox, wire.origin, [id])))],
    ['fetch', ackBody(mailbox, wire.origin, [id])],
  ]
  for (const [path, body] of requests) {
    note(provoked, await post(wire, `/v1/mailbox/${path}?${person.query}`, body, { ...person.headers }))
  }
}

/** A deposit and a fetch, which may be answered with errors. */
export async function provokeOverHttp(
  town: Town,
  sender: Person,
  recipient: Person,
  over: Listening,
  provoked: Provoked,
): Promise<void> {
  const to = town.mailboxes.make(recipient.name)
  note(provoked, await sendOverHttp(town, { from: sender, over, to, sizeIndex: 0, ttl: 60 }))
  const wire = await recipient.reach(over)
  const body = fetchBody(to, wire.origin)
  note(provoked, await post(wire, `/v1/mailbox/fetch?${recipient.query}`, body, { ...recipient.headers }))
}
