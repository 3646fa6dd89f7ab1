import { connectDeposit } from '../conformance/deposit-socket.ts'
import type { Received } from '../conformance/frames.ts'
import { request } from '../conformance/http.ts'
import type { MailboxSocket } from '../conformance/mailbox-socket.ts'
import { breakDeposits, breakSignatures, fillBucket, type Provoked, sendHostileRequests } from './broken-requests.ts'
import { breakDepositSockets, breakMailboxSockets, displace, type Refusals, stallReader } from './broken-sockets.ts'
import { KEEPER, type KnownMailbox, type Person } from './people.ts'
import type { RelayProcess } from './relay-process.ts'
import type { Town } from './town.ts'
import {
  connectReader,
  noteIds,
  receiveOverHttp,
  receiveOverSocket,
  type Sending,
  sendOverHttp,
  sendOverSocket,
} from './traffic.ts'

/** Who lives in the town, on two relays of one Redis and one without. */
export interface Cast {
  readonly town: Town
  readonly first: RelayProcess
  readonly second: RelayProcess
  readonly embedded: RelayProcess
  readonly ada: Person
  readonly ben: Person
  readonly cleo: Person
  readonly dan: Person
  readonly eve: Person
  readonly vandal: Person
  readonly bystander: Person
}

const EMBEDDED_ENV = {
  LETHE_ENVELOPE_BYTES: '1000,64000',
  LETHE_BUCKET_BYTES: '64000000',
  LETHE_SOCKET_BUFFER_BYTES: '100000',
  LETHE_WINDOW: '1024',
  LETHE_METRICS_EXACT: 'true',
}

export async function castOf(town: Town): Promise<Cast> {
  const [first, second, embedded] = await Promise.all([
    town.relay('first', 'environment', { preload: ['opened-files.js'], env: { LETHE_METRICS_INTERVAL_SECONDS: '1' } }),
    town.relay('second', 'files', { env: { LETHE_METRICS_EXACT: 'true', LETHE_WAKE_BITS: '12' } }),
    town.startRelay('files', { name: 'embedded', env: EMBEDDED_ENV, preload: ['opened-files.js'] }),
  ])
  return {
    ...{ town, first, second, embedded },
    ada: town.person('Ada', 'answers to senders'),
    ben: town.person('Ben', 'answers to senders'),
    cleo: town.person('Cleo', 'answers to recipients'),
    dan: town.person(KEEPER, 'answers to recipients'),
    eve: town.person('Eve', 'answers to recipients'),
    vandal: town.person('vandal', 'answers to broken requests'),
    bystander: town.person('bystander', 'answers to bystanders'),
  }
}

/** What waits in the mailboxes of those who are not there. */
export interface Waiting {
  readonly ofDan: readonly KnownMailbox[]
  readonly ofEve: readonly KnownMailbox[]
  /** How many envelopes. */
  readonly count: number
}

const TTLS = [0, 600, 3_600, 86_400, 604_800]

/** Lays envelopes of all sizes and classes into the mailboxes of people who are away. */
export async function sendToAbsent({ town, ada, ben, dan, eve, first, second }: Cast): Promise<Waiting> {
  const make = (owner: Person) => town.mailboxes.make(owner.name)
  const [ofDan, ofEve] = [
    [make(dan), make(dan), make(dan)],
    [make(eve), make(eve)],
  ]
  const mailboxes = [...ofDan, ...ofEve]
  const sendings = mailboxes.flatMap((to) =>
    TTLS.slice(1).map((ttl, i): Sending => ({ from: ada, over: first, to, sizeIndex: i % 2 === 0 ? 0 : 1, ttl })),
  )
  for (const sending of sendings) {
    const { status, body } = await sendOverHttp(town, sending)
    if (status !== 202) throw new Error(`a deposit was answered ${status}: ${body}`)
  }
  const codes = await sendOverSocket(
    town,
    sendings.map((sending) => ({ ...sending, from: ben, over: second })),
  )
  if (codes.some((code) => code !== 0)) throw new Error(`deposits were refused: ${codes}`)
  return { ofDan, ofEve, count: 2 * sendings.length }
}

/** One who is there: her envelopes are pushed, from her own relay and from the other. She stays connected. */
export async function sendToPresent({ town, ada, ben, cleo, first, second }: Cast): Promise<MailboxSocket> {
  const mailboxes = [town.mailboxes.make(cleo.name), town.mailboxes.make(cleo.name)]
  const reader = await connectReader(town, cleo, first)
  for (const [channel, to] of mailboxes.entries()) {
    await reader.open(channel, to)
    await reader.untilDrained(channel)
    await sendOverHttp(town, { from: ada, over: first, to, sizeIndex: 0, ttl: 3_600 })
    await sendOverSocket(town, [{ from: ben, over: second, to, sizeIndex: 1, ttl: 600 }])
    const received = await reader.envelopes(channel, 2)
    noteIds(town, cleo.name, received)
    reader.ack(
      channel,
      received.map(({ id }) => id),
    )
  }
  return reader
}

/** Those who were away take what waits, one over sockets, one over HTTP. */
export async function receiveAll({ town, dan, eve, first, second }: Cast, waiting: Waiting): Promise<Received[]> {
  const received = await receiveOverSocket(town, dan, second, waiting.ofDan)
  for (const mailbox of waiting.ofEve) received.push(...(await receiveOverHttp(town, eve, first, mailbox)))
  return received
}

/** Whatever was accepted elsewhere is taken too. */
export async function sweep({ town, dan, first }: Cast): Promise<void> {
  for (const mailbox of town.mailboxes.of(dan.name)) await receiveOverSocket(town, dan, first, [mailbox])
}

/** Every error that clients can bring about while everything works. */
export async function misbehave(cast: Cast, provoked: Provoked, refusals: Refusals): Promise<void> {
  const { town, ada, eve, vandal, first, second, embedded } = cast
  const perRelay = [first, second, embedded].map(async (relay) => {
    await sendHostileRequests(town, vandal, relay)
    await breakDeposits(town, vandal, relay, provoked)
    await breakSignatures(town, vandal, relay, provoked)
    await breakMailboxSockets(town, vandal, relay, refusals)
  })
  await Promise.all([
    ...perRelay,
    ...[first, second].map((relay) => fillBucket(town, vandal, relay, provoked)),
    ...[first, second].map((relay) => breakDepositSockets(town, vandal, relay, refusals)),
    displace(town, vandal, [first, second]),
    stallReader(town, [ada, eve], embedded, refusals),
  ])
}

/** A bystander opens an empty mailbox and a sender's socket, asks what anybody may ask, and stays while others talk. */
export async function standBy({ town, bystander, first, second }: Cast): Promise<MailboxSocket[]> {
  const readers: MailboxSocket[] = []
  for (const relay of [first, second]) {
    const wire = await bystander.reach(relay)
    const reader = await connectReader(town, bystander, relay)
    await reader.open(1, town.mailboxes.make(bystander.name))
    await reader.untilDrained(1)
    readers.push(reader)
    await connectDeposit(wire, bystander.socket)
    for (const path of ['/', '/v1/info', `/${bystander.query}`, '/v1/deposit']) {
      await request(wire, `${path}?${bystander.query}`, { headers: { ...bystander.headers } })
    }
  }
  return readers
}
