import { randomBytes } from 'node:crypto'
import type { Test } from '../_util/tap.ts'
import {
  ackFrame,
  closeFrame,
  corrupted,
  createEnvelope,
  createEnvelopes,
  createMailbox,
  type Mailbox,
  numbersOf,
  openFrame,
  openSignature,
  range,
  sha256,
} from './client.ts'
import { depositAll } from './deposit-socket.ts'
import type { MailboxFrame } from './frames.ts'
import { deposit } from './http.ts'
import { connectMailbox, type MailboxSocket, peek } from './mailbox-socket.ts'
import { CLOSE, numberOf } from './problems.ts'
import { forBothStores, type Relay } from './stores.ts'

const REFUSED = numberOf('ERR_SIGNATURE')
const refusedOn = (channel: number): MailboxFrame => ({ type: 'ERROR', channel, code: REFUSED })

/** Sends an OPEN that must be refused, on a socket of its own. */
async function refusedOpen(relay: Relay, send: (reader: MailboxSocket) => void): Promise<MailboxFrame> {
  const reader = await connectMailbox(relay)
  send(reader)
  const frame = await reader.frame()
  await reader.close()
  return frame
}

async function wrongSignatures(t: Test, relay: Relay): Promise<void> {
  const [mailbox, other] = [createMailbox(), createMailbox()]
  await deposit(relay, mailbox.address, createEnvelope())
  const stranger = await connectMailbox(relay)
  const right = (reader: MailboxSocket) => openSignature(mailbox, relay.origin, reader.nonce)
  const withSignature = (make: (reader: MailboxSocket) => Buffer) =>
    refusedOpen(relay, (reader) => reader.send(openFrame(3, mailbox.publicKey, make(reader))))
  const forms: Record<string, (reader: MailboxSocket) => Buffer> = {
    zeros: () => Buffer.alloc(64),
    'random bytes': () => randomBytes(64),
    'one bit wrong': (reader) => corrupted(right(reader)),
    'another key': (reader) => openSignature(other, relay.origin, reader.nonce),
    'the nonce of another connection': () => openSignature(mailbox, relay.origin, stranger.nonce),
    'another origin': (reader) => openSignature(mailbox, 'https://relay.example', reader.nonce),
    'a trailing slash': (reader) => openSignature(mailbox, `${relay.origin}/`, reader.nonce),
    'the ws form of the origin': (reader) => openSignature(mailbox, relay.wsUrl, reader.nonce),
    'another label': (reader) => {
      const origin = sha256(Buffer.from(relay.origin))
      return mailbox.sign(Buffer.concat([Buffer.from('lethe/v1 fetch\0'), origin, reader.nonce]))
    },
  }
  for (const [name, make] of Object.entries(forms)) t.same(await withSignature(make), refusedOn(3), name)
  await stranger.close()
  t.equal((await peek(relay, mailbox)).length, 1, 'and the envelope is still there')
}

async function headersNameNoOrigin(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  const host = 'evil.example'
  const headers = {
    Host: host,
    Origin: `http://${host}`,
    'X-Forwarded-Host': host,
    'X-Forwarded-Proto': 'http',
    Forwarded: `host=${host};proto=http`,
  }
  const reader = await connectMailbox(relay, { headers })
  reader.sendOpen(1, mailbox, { origin: `http://${host}` })
  t.same(await reader.frame(), refusedOn(1))
  await reader.open(2, mailbox)
  t.same(await reader.untilDrained(2), [], 'the configured origin holds, whatever the headers say')
  await reader.close()
}

async function thirdFailure(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  const reader = await connectMailbox(relay)
  for (const channel of [1, 2]) {
    reader.sendOpen(channel, mailbox, { nonce: randomBytes(32) })
    t.same(await reader.frame(), refusedOn(channel))
  }
  await reader.open(3, mailbox)
  t.same(await reader.untilDrained(3), [], 'after two failures the socket stays')
  reader.sendOpen(4, mailbox, { nonce: randomBytes(32) })
  const arrivals = await reader.rest(2_000)
  const last = arrivals.at(-1)
  t.same(last, { kind: 'close', code: CLOSE.failedOpens }, 'the third closes it')
  t.ok(arrivals.length <= 2, 'with no more than its own ERROR before')
}

async function channelUsedTwice(t: Test, relay: Relay): Promise<void> {
  const endings: Record<string, (reader: MailboxSocket, mailbox: Mailbox) => Promise<void>> = {
    'still open': async () => {},
    closed: async (reader) => reader.closeChannel(7),
    displaced: async (reader, mailbox) => {
      reader.sendOpen(8, mailbox)
      await reader.restFrames(1_500)
    },
  }
  for (const [name, end] of Object.entries(endings)) {
    const mailbox = createMailbox()
    const reader = await connectMailbox(relay)
    await reader.open(7, mailbox)
    await reader.untilDrained(7)
    await end(reader, mailbox)
    reader.sendOpen(7, createMailbox())
    t.equal(await reader.closeCode(), CLOSE.malformed, name)
  }
}

async function channelsNotOpen(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  await depositAll(relay, mailbox.address, createEnvelopes(2))
  const reader = await connectMailbox(relay)
  const [first] = await peek(relay, mailbox)
  const id = first?.id ?? ''
  for (const channel of [0, 1, 500, 0xffff]) {
    reader.send(ackFrame(channel, [id]))
    reader.send(closeFrame(channel))
  }
  await reader.open(1, mailbox)
  t.same(numbersOf(await reader.untilDrained(1)), [0, 1])
  reader.closeChannel(1)
  reader.closeChannel(1)
  reader.send(ackFrame(1, [id]))
  t.same(await reader.restFrames(), [])
  await reader.open(2, mailbox)
  t.same(numbersOf(await reader.untilDrained(2)), [0, 1], 'an ACK on a closed channel erases nothing')
  await reader.close()
}

async function unparsable(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  const open = (reader: MailboxSocket) =>
    openFrame(1, mailbox.publicKey, openSignature(mailbox, relay.origin, reader.nonce))
  const frames: Record<string, (reader: MailboxSocket) => Buffer | string> = {
    'an empty frame': () => Buffer.alloc(0),
    'an unknown type': () => Buffer.of(0x7f, 0, 0),
    'type 0': () => Buffer.alloc(99),
    "the relay's own OPENED": () => Buffer.of(0x82, 0, 1),
    'OPEN, one byte short': (reader) => open(reader).subarray(0, 98),
    'OPEN, one byte long': (reader) => Buffer.concat([open(reader), Buffer.of(0)]),
    'CLOSE, one byte short': () => closeFrame(1).subarray(0, 2),
    'CLOSE, one byte long': () => Buffer.concat([closeFrame(1), Buffer.of(0)]),
    'a text frame': (reader) => open(reader).toString('latin1'),
  }
  for (const [name, make] of Object.entries(frames)) {
    const reader = await connectMailbox(relay)
    reader.send(make(reader))
    t.equal(await reader.closeCode(), CLOSE.malformed, name)
  }
}

forBothStores('opening a mailbox', async (t, relay) => {
  await t.test('[protocol §5] OPENED for the key that signed', async (t) => {
    const reader = await connectMailbox(relay)
    await reader.open(513, createMailbox())
    t.same(await reader.untilDrained(513), [])
    await reader.close()
  })

  await t.test('[protocol §5] three loopback origins where none is configured', async (t) => {
    const { port } = new URL(relay.url)
    const reader = await connectMailbox(relay)
    for (const [channel, host] of ['localhost', '127.0.0.1', '[::1]'].entries()) {
      reader.sendOpen(channel, createMailbox(), { origin: `http://${host}:${port}` })
      t.same(await reader.frame(), { type: 'OPENED', channel }, host)
      await reader.untilDrained(channel)
    }
    await reader.close()
  })

  await t.test('[protocol §5] OPEN in fragments', async (t) => {
    const reader = await connectMailbox(relay)
    const mailbox = createMailbox()
    const frame = openFrame(1, mailbox.publicKey, openSignature(mailbox, relay.origin, reader.nonce))
    reader.sendFragments([frame.subarray(0, 1), frame.subarray(1, 50), frame.subarray(50)])
    t.same(await reader.frame(), { type: 'OPENED', channel: 1 })
    await reader.close()
  })

  await t.test('[protocol §5] a signature that does not hold is ERROR 5', (t) => wrongSignatures(t, relay))
  await t.test('[protocol §5] request headers never add an origin', (t) => headersNameNoOrigin(t, relay))
  await t.test('[protocol §5] the third failed OPEN closes 4403', (t) => thirdFailure(t, relay))
  await t.test('[protocol §5] OPEN on a used channel closes 4400', (t) => channelUsedTwice(t, relay))
  await t.test('[protocol §5] ACK and CLOSE on a channel that is not open are ignored', (t) =>
    channelsNotOpen(t, relay),
  )
  await t.test('[protocol §6] what does not parse closes 4400 without a frame', (t) => unparsable(t, relay))

  await t.test('[protocol §6] a frame far larger than any closes 1009', async (t) => {
    const reader = await connectMailbox(relay)
    reader.send(Buffer.concat([Buffer.of(2), randomBytes(2_000_000)]))
    t.equal(await reader.closeCode(), CLOSE.tooLarge)
  })

  await t.test('[protocol §4] a socket that proved a mailbox never sends', async (t) => {
    const mailbox = createMailbox()
    const reader = await connectMailbox(relay)
    await reader.open(1, createMailbox())
    await reader.untilDrained(1)
    reader.send(Buffer.concat([Buffer.of(1), Buffer.alloc(8), mailbox.address, createEnvelope()]))
    const code = await reader.closeCode()
    t.ok(code === CLOSE.malformed || code === CLOSE.tooLarge, `closed with ${code}`)
    t.same(await peek(relay, mailbox), [])
  })

  await t.test('[protocol §6] hundreds of OPENs with wrong signatures hinder nobody', async (t) => {
    const steady = await connectMailbox(relay)
    const mailbox = createMailbox()
    await steady.open(1, mailbox)
    await steady.untilDrained(1)
    const attack = range(0, 100).map(async () => {
      const reader = await connectMailbox(relay)
      for (const channel of range(0, 10)) reader.send(openFrame(channel, randomBytes(32), randomBytes(64)))
      return (await reader.rest(10_000)).at(-1)
    })
    for (const number of range(0, 5)) {
      await deposit(relay, mailbox.address, createEnvelope(4_000, number))
      t.same(numbersOf(await steady.envelopes(1, 1)), [number])
    }
    for (const last of await Promise.all(attack)) t.same(last, { kind: 'close', code: CLOSE.failedOpens })
    await steady.close()
  })
})
