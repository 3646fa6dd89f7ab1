import { randomBytes } from 'node:crypto'
import { ackBody, type FetchRequest, fetchBody } from '../conformance/client.ts'
import { connectDeposit } from '../conformance/deposit-socket.ts'
import { type FetchAnswer, parseFetchAnswer, type Received } from '../conformance/frames.ts'
import { type Answer, post } from '../conformance/http.ts'
import { connectMailbox, type MailboxSocket } from '../conformance/mailbox-socket.ts'
import { bucketsAt, bucketTagOf } from './derivation.ts'
import type { KnownMailbox, Person } from './people.ts'
import type { Town } from './town.ts'
import type { Listening } from './wire.ts'

/** The list of sizes in bytes that the relays are started with. */
export const SIZES = [1_000, 4_000] as const

/** Who sends what where: position in the list of sizes, lifetime in seconds. */
export interface Sending {
  readonly from: Person
  readonly over: Listening
  readonly to: KnownMailbox
  readonly sizeIndex: 0 | 1
  readonly ttl: number
}

/** An envelope for a mailbox, known by its bytes. */
export function writeEnvelope(town: Town, { to, sizeIndex }: Pick<Sending, 'to' | 'sizeIndex'>): Buffer {
  return town.book.add('envelope', randomBytes(SIZES[sizeIndex]), to.owner).bytes
}

/** Notes the bucketTags that a deposit may have been given since a moment in milliseconds. */
export function noteBuckets({ book }: Town, { to, sizeIndex, ttl }: Sending, sinceMs: number): void {
  const [from, now] = [Math.floor(sinceMs / 1_000) - 1, Math.ceil(Date.now() / 1_000) + 1]
  for (const bucket of bucketsAt(sizeIndex, ttl, from, now)) book.add('bucketTag', bucketTagOf(to.queue, bucket))
}

/** Deposits over HTTP. */
export async function sendOverHttp(town: Town, sending: Sending): Promise<Answer> {
  const { from, over, to, ttl } = sending
  const startMs = Date.now()
  const wire = await from.reach(over)
  const body = Buffer.concat([to.address, writeEnvelope(town, sending)])
  const answer = await post(wire, `/v1/deposit?${from.query}`, body, { ...from.headers, TTL: String(ttl) })
  noteBuckets(town, sending, startMs)
  return answer
}

/** Deposits over a socket, one after the other. @returns the code of each answer, 0 where it was accepted */
export async function sendOverSocket(town: Town, sendings: readonly Sending[]): Promise<number[]> {
  const [first] = sendings
  if (!first) return []
  const startMs = Date.now()
  const socket = await connectDeposit(await first.from.reach(first.over), first.from.socket)
  const deposits = sendings.map((sending, ref) => {
    return { ref, ttl: sending.ttl, address: sending.to.address, envelope: writeEnvelope(town, sending) }
  })
  const answers = await socket.depositAll(deposits)
  for (const sending of sendings) noteBuckets(town, sending, startMs)
  await socket.close()
  return answers.map((answer) => (answer.type === 'ERROR' ? answer.code : 0))
}

/** Opens a mailbox socket. */
export async function connectReader(town: Town, person: Person, over: Listening): Promise<MailboxSocket> {
  const reader = await connectMailbox(await person.reach(over), person.socket)
  town.book.add('nonce', reader.nonce, person.name)
  return reader
}

/** Notes the ids of what was received. */
export function noteIds({ book }: Town, owner: string, received: readonly Received[]): void {
  for (const { id } of received) book.add('envelopeId', Buffer.from(id, 'hex'), owner)
}

/** Takes everything that waits over a socket and acknowledges it. */
export async function receiveOverSocket(
  town: Town,
  person: Person,
  over: Listening,
  mailboxes: readonly KnownMailbox[],
): Promise<Received[]> {
  const reader = await connectReader(town, person, over)
  const all: Received[] = []
  for (const [channel, mailbox] of mailboxes.entries()) {
    await reader.open(channel, mailbox)
    all.push(...(await reader.takeAll(channel)))
    reader.closeChannel(channel)
  }
  await reader.close()
  noteIds(town, person.name, all)
  return all
}

/** Fetches over HTTP. */
export async function fetchOnce(
  town: Town,
  person: Person,
  over: Listening,
  mailbox: KnownMailbox,
  wish: FetchRequest,
): Promise<FetchAnswer> {
  const { sizeIndex = 0, slots = 1 } = wish
  const wire = await person.reach(over)
  const body = fetchBody(mailbox, wire.origin, wish)
  const answer = await post(wire, `/v1/mailbox/fetch?${person.query}`, body, { ...person.headers })
  if (answer.status !== 200) throw new Error(`a fetch was answered ${answer.status}: ${answer.body}`)
  const parsed = parseFetchAnswer(answer.body, SIZES[sizeIndex] as number, slots)
  noteIds(town, person.name, parsed.envelopes)
  return parsed
}

/** Takes everything that waits over HTTP and acknowledges it. */
export async function receiveOverHttp(
  town: Town,
  person: Person,
  over: Listening,
  mailbox: KnownMailbox,
): Promise<Received[]> {
  const all: Received[] = []
  for (const sizeIndex of [0, 1]) {
    for (;;) {
      const { envelopes } = await fetchOnce(town, person, over, mailbox, { sizeIndex, slots: 4 })
      if (envelopes.length === 0) break
      all.push(...envelopes)
      const wire = await person.reach(over)
      const ids = envelopes.map(({ id }) => id)
      const body = ackBody(mailbox, wire.origin, ids)
      const answer = await post(wire, `/v1/mailbox/ack?${person.query}`, body, { ...person.headers })
      if (answer.status !== 204) throw new Error(`an acknowledgement was answered ${answer.status}: ${answer.body}`)
    }
  }
  return all
}
