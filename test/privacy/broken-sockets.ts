import { randomBytes } from 'node:crypto'
import { eventually } from '../_util/wait.ts'
import { depositFrame } from '../conformance/client.ts'
import { connectDeposit } from '../conformance/deposit-socket.ts'
import { request } from '../conformance/http.ts'
import type { MailboxSocket } from '../conformance/mailbox-socket.ts'
import { CLOSE } from '../conformance/problems.ts'
import { KEEPER, type Person } from './people.ts'
import type { RelayProcess } from './relay-process.ts'
import type { Town } from './town.ts'
import { connectReader, noteBuckets, type Sending, sendOverSocket, writeEnvelope } from './traffic.ts'
import type { Listening } from './wire.ts'

/** Error numbers and close codes that came. */
export interface Refusals {
  readonly errors: Set<number>
  readonly closes: Set<number>
}

/** How long a close is waited for: the longest takes 10 s without an OPEN. */
const CLOSE_MS = 25_000
const TOO_SLOW_COUNTED = new RegExp(`^lethe_socket_closes_total{code="${CLOSE.tooSlow}".*} 1$`, 'm')

/** Takes what comes until the relay closes, and notes it. */
async function untilClosed(socket: MailboxSocket, { errors, closes }: Refusals): Promise<void> {
  for (;;) {
    const arrival = await socket.next(CLOSE_MS)
    if (arrival.kind === 'close') {
      closes.add(arrival.code)
      return
    }
    if (arrival.bytes[0] === 0x8f) errors.add(arrival.bytes.readUInt16BE(3))
  }
}

/** Frames of senders that are wrong. */
export async function breakDepositSockets(town: Town, person: Person, over: Listening, found: Refusals): Promise<void> {
  const to = town.mailboxes.make(KEEPER)
  const wire = await person.reach(over)
  const envelope = writeEnvelope(town, { to, sizeIndex: 1 })
  const frames: (Buffer | string)[] = [
    depositFrame({ ref: 1, ttl: 60, address: to.address, envelope: envelope.subarray(2_000) }),
    Buffer.concat([Buffer.of(0x01), to.address]),
    Buffer.concat([Buffer.of(0x7f), to.address, envelope]),
    `text ${to.address.toString('hex')}`,
    Buffer.concat([envelope, envelope]),
  ]
  for (const frame of frames) {
    const socket = await connectDeposit(wire, person.socket)
    socket.send(frame)
    const arrival = await socket.next()
    if (arrival.kind === 'close') found.closes.add(arrival.code)
    else found.errors.add(arrival.bytes.readUInt16BE(5))
    await socket.close()
  }
  const sending: Sending = { from: person, over, to, sizeIndex: 1, ttl: 3_600 }
  for (const code of await sendOverSocket(town, Array<Sending>(6).fill(sending))) found.errors.add(code)
  noteBuckets(town, sending, Date.now())
}

/** Frames of recipients that are wrong. */
export async function breakMailboxSockets(town: Town, person: Person, over: Listening, found: Refusals): Promise<void> {
  const mailbox = town.mailboxes.make(person.name)
  const misbehaviours: ((reader: MailboxSocket) => void)[] = [
    (reader) => {
      for (const channel of [1, 2, 3]) reader.sendOpen(channel, mailbox, { nonce: randomBytes(32) })
    },
    (reader) => {
      for (const channel of [1, 1]) reader.sendOpen(channel, mailbox)
    },
    (reader) => reader.send(Buffer.concat([Buffer.of(0x01), mailbox.publicKey])),
    (reader) => reader.send(`text ${mailbox.publicKey.toString('base64')}`),
    (reader) => reader.send(Buffer.concat([Buffer.of(0x02), randomBytes(9_000)])),
    () => {}, // no OPEN at all
    (reader) => {
      for (const channel of [1, 2, 3, 4, 5]) reader.sendOpen(channel, town.mailboxes.make(person.name))
      reader.ack(1, [town.book.add('envelopeId', randomBytes(16)).bytes.toString('hex')])
      reader.send(Buffer.concat([Buffer.of(0x55), mailbox.address]))
    },
  ]
  await Promise.all(
    misbehaviours.map(async (misbehave) => {
      const reader = await connectReader(town, person, over)
      misbehave(reader)
      await untilClosed(reader, found)
    }),
  )
}

/** One mailbox opened twice: the older one is told. */
export async function displace(town: Town, person: Person, relays: readonly [Listening, Listening]): Promise<void> {
  const mailbox = town.mailboxes.make(person.name)
  const older = await connectReader(town, person, relays[0])
  await older.open(1, mailbox)
  await older.untilDrained(1)
  const newer = await connectReader(town, person, relays[1])
  await newer.open(1, mailbox)
  const frame = await older.frame()
  if (frame.type !== 'DISPLACED') throw new Error(`${frame.type} where DISPLACED was awaited`)
  await Promise.all([older.close(), newer.close()])
}

/** A reader that takes nothing of the envelopes of 64,000 bytes that wait for it. Its relay must tell exact metrics. */
export async function stallReader(
  town: Town,
  [sender, reader]: readonly [Person, Person],
  over: RelayProcess,
  { closes }: Refusals,
): Promise<void> {
  const mailbox = town.mailboxes.make(reader.name)
  const depositing = await connectDeposit(await sender.reach(over), sender.socket)
  const envelope = town.book.add('envelope', randomBytes(64_000), reader.name).bytes
  const deposits = Array.from({ length: 200 }, (_, ref) => ({ ref, ttl: 600, address: mailbox.address, envelope }))
  await depositing.depositAll(deposits)
  await depositing.close()
  const stalled = await connectReader(town, reader, over)
  const wire = await reader.reach(over)
  wire.hold()
  stalled.sendOpen(1, mailbox)
  // Who takes nothing is not told either.
  const isCounted = async () =>
    TOO_SLOW_COUNTED.test((await request({ url: over.adminUrl }, '/metrics')).body.toString())
  await eventually(isCounted, { timeoutMs: 2 * CLOSE_MS, intervalMs: 250 })
  closes.add(CLOSE.tooSlow)
}
