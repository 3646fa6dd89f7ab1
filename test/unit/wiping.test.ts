import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import { WebSocket, WebSocketServer } from 'ws'
import { readBody } from '../../src/http/body.ts'
import { UNLIMITED } from '../../src/mailbox/admission.ts'
import { TRANSPORT_ROOM_BYTES } from '../../src/mailbox/delivery.ts'
import { Depositor } from '../../src/mailbox/deposit.ts'
import { DepositConnection } from '../../src/mailbox/deposit-connection.ts'
import { eraseNow } from '../../src/mailbox/erasures.ts'
import { Intake } from '../../src/mailbox/intake.ts'
import { OpenMailboxes } from '../../src/mailbox/open-mailboxes.ts'
import type { RelayPolicy } from '../../src/mailbox/policy.ts'
import { OriginProofs } from '../../src/mailbox/proof.ts'
import { type QueueInUse, QueuesInUse } from '../../src/mailbox/queues-in-use.ts'
import { bucketsOf, deriveQueue } from '../../src/mailbox/sealing.ts'
import { SignedMailbox } from '../../src/mailbox/signed-mailbox.ts'
import { createSystemRandom, systemClock } from '../../src/mailbox/system-ports.ts'
import { encodeDepositFrame, parseDepositAnswer } from '../../src/protocol/deposit-frames.ts'
import { createMemoryStore } from '../../src/store/memory/mailbox-store.ts'
import { CommandWriter } from '../../src/store/redis/command-writer.ts'
import { Outgoing } from '../../src/ws/outgoing.ts'
import { OutgoingBudget } from '../../src/ws/outgoing-budget.ts'
import { ignoredCounts } from '../_util/counts.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { ackBody, createMailbox, fetchBody } from '../conformance/client.ts'

const SIZE = 4_000
const ORIGIN = 'https://relay.example'
const POLICY: RelayPolicy = {
  envelopeBytes: [SIZE],
  defaultTtlSeconds: 600,
  maxTtlSeconds: 600,
  bucketBytes: 2 * SIZE,
  window: 4,
  maxChannels: 4,
}

function isWiped(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** A relay without sockets. `send` resolves with the frame as the relay left it, and the answer. */
async function createBench(t: Test, capacityBytes = 1_000_000) {
  const store = createMemoryStore({ clock: systemClock, capacityBytes })
  const openMailboxes = new OpenMailboxes(systemClock, ignoredCounts, () => {})
  await store.start(openMailboxes)
  t.teardown(() => {
    openMailboxes.close()
    return store.close()
  })
  const secrets = { live: randomBytes(32), readOnly: [] }
  const random = createSystemRandom()
  const parts = { store, secrets, openMailboxes, policy: POLICY, random, counts: ignoredCounts }
  const depositor = new Depositor({ ...parts, intake: new Intake({ maxWaitMs: 400, clock: systemClock }) })
  const send = async (address: Uint8Array, envelope: Uint8Array) => {
    const frame = encodeDepositFrame({ ref: 1, ttlSeconds: 600, address, envelope })
    const answers: Uint8Array[] = []
    const socket = { send: (bytes: Uint8Array) => answers.push(bytes), close() {}, pause() {}, resume() {} }
    new DepositConnection(depositor, POLICY.envelopeBytes, socket, UNLIMITED).receive(frame)
    while (answers.length === 0) await turn()
    await turn()
    return { frame, answer: parseDepositAnswer(answers[0] as Uint8Array).kind }
  }
  return { parts, openMailboxes, secrets, send }
}

test('what a deposit brought is overwritten once it is stored, or refused', async (t) => {
  const { send } = await createBench(t)
  const { address } = createMailbox()
  for (const expected of ['accepted', 'accepted', 'error']) {
    const { frame, answer } = await send(address, randomBytes(SIZE))
    t.equal(answer, expected)
    t.ok(isWiped(frame), 'address and envelope')
  }
  const full = await createBench(t, 1000)
  const { frame, answer } = await full.send(address, randomBytes(SIZE))
  t.equal(answer, 'error', 'the store has no room')
  t.ok(isWiped(frame))
})

test('of what is handed over to its recipient only the envelope stays, for the way', async (t) => {
  const { send, openMailboxes, secrets } = await createBench(t)
  const { address } = createMailbox()
  const { wakeKey } = deriveQueue(secrets.live, address)
  let taken: Uint8Array | undefined
  const listener = {
    isListening: true,
    handOver: (_: string, hand: { take(): Uint8Array | undefined }) => {
      taken = hand.take()
    },
  }
  openMailboxes.add([wakeKey], { ...listener, wake() {}, announced() {}, resume() {}, look() {}, storeReplaced() {} })
  const envelope = randomBytes(SIZE)
  const { frame } = await send(address, envelope)
  t.ok(isWiped(frame.subarray(0, -SIZE)), 'no address before it')
  t.same(Buffer.from(frame.subarray(-SIZE)), envelope)
  t.same(taken?.subarray(-SIZE), frame.subarray(-SIZE))
})

test('keys made for deposits are overwritten when none for their address is on its way', async (t) => {
  const secret = randomBytes(32)
  const queues = new QueuesInUse((address) => deriveQueue(secret, address))
  const address = randomBytes(32)
  const first = queues.take(address)
  const second = queues.take(Buffer.from(address))
  t.equal(second.queue, first.queue, 'derived once')
  const alike = Buffer.concat([address.subarray(0, 6), randomBytes(26)])
  const other = queues.take(alike)
  t.same(other.queue.queueId, deriveQueue(secret, alike).queueId, 'an address that begins alike has its own')
  queues.release(first)
  queues.release(other)
  const isGone = ({ queue }: QueueInUse) => [queue.queueId, queue.sealKey, queue.idKey].map(isWiped)
  t.same(
    [isGone(second), isGone(other)],
    [
      [false, false, false],
      [true, true, true],
    ],
  )
  t.same(queues.take(address), second, 'the other one has not taken it along')
  queues.release(second)
  queues.release(second)
  t.same([isGone(second), isWiped(second.address)], [[true, true, true], true])
  t.not(queues.take(address), second, 'and derived anew after that')
})

test('a signed request is overwritten when it is answered, also where it fails', async (t) => {
  const { parts } = await createBench(t)
  const proofs = new OriginProofs()
  proofs.accept([ORIGIN])
  const answerRoom = new OutgoingBudget(1_000_000, SIZE)
  const signed = new SignedMailbox({ ...parts, proofs, clock: systemClock, answerRoom })
  const mailbox = createMailbox()
  const fetch = fetchBody(mailbox, ORIGIN)
  await signed.fetch(fetch, new AbortController().signal)
  const ack = ackBody(mailbox, ORIGIN, ['00'.repeat(16)])
  await signed.acknowledge(ack)
  const foreign = fetchBody(mailbox, 'https://other.example')
  await t.rejects(signed.fetch(foreign, new AbortController().signal), { code: 'ERR_SIGNATURE' })
  for (const body of [fetch, ack, foreign]) t.ok(isWiped(body.subarray(0, -64)), 'all but the signature')
})

test('the pieces in which a body came are overwritten, also of one that is too long', async (t) => {
  const request = {
    routeOptions: { bodyLimit: 100 },
    headers: {},
    getDecorator: () => UNLIMITED,
  } as unknown as FastifyRequest
  const read = (pieces: readonly Buffer[]) =>
    new Promise<{ error: Error | null; body?: Buffer | undefined }>((resolve) => {
      const payload = new PassThrough()
      readBody(request, payload as unknown as IncomingMessage, (error, body) => resolve({ error, body }))
      for (const piece of pieces) payload.write(piece)
      payload.end()
    })
  const pieces = [randomBytes(60), randomBytes(40)]
  const sent = Buffer.concat(pieces)
  const { body } = await read(pieces)
  t.same(body, sent)
  t.ok(pieces.every(isWiped))
  const tooLong = [randomBytes(60), randomBytes(41)]
  const { error } = await read(tooLong)
  t.match(error, { code: 'ERR_TOO_LARGE' })
  t.ok(tooLong.every(isWiped))
})

test('envelopes are overwritten once they are on the wire, and frames that are used again are not', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.teardown(() => server.close())
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => client.terminate())
  const received: Buffer[] = []
  client.on('message', (frame: Buffer) => received.push(frame))
  const [socket, { socket: transport }] = (await once(server, 'connection')) as [WebSocket, IncomingMessage]
  const outgoing = new Outgoing(
    socket,
    transport,
    systemClock,
    { limitBytes: 1_000_000, budget: new OutgoingBudget(1_000_000, SIZE) },
    () => {},
  )
  const kept = randomBytes(3)
  const envelopes = Array.from({ length: 20 }, () => randomBytes(SIZE))
  const sent = envelopes.flatMap((envelope) => [kept, Buffer.from(envelope.subarray(TRANSPORT_ROOM_BYTES))])
  for (const envelope of envelopes) {
    outgoing.send(kept)
    outgoing.sendAndWipe(envelope, TRANSPORT_ROOM_BYTES)
  }
  await eventually(() => received.length === sent.length)
  t.same(received, sent, 'whole, and in order')
  const framesOf = (rooms: Uint8Array[]) => rooms.map((room) => room.subarray(TRANSPORT_ROOM_BYTES))
  t.ok(framesOf(envelopes).every(isWiped))
  t.notOk(isWiped(kept))
  transport.destroy()
  await eventually(() => socket.readyState === socket.CLOSED)
  const late = randomBytes(SIZE)
  outgoing.sendAndWipe(late, TRANSPORT_ROOM_BYTES)
  t.ok(framesOf([late]).every(isWiped), 'and so is one that cannot be sent any more')
})

test('a batch for Redis is overwritten when it is answered, and let go where it may not be out', async (t) => {
  const commands = new CommandWriter()
  const bytesOf = () => {
    commands.begin('evalsha', 6)
    commands.text('sha')
    commands.number(1)
    commands.text('key')
    commands.bytes(randomBytes(SIZE))
    commands.entryId(281_474_976_710_655)
    commands.text('')
    return commands.finish().toWritable({}) as Buffer
  }
  const first = bytesOf()
  const second = bytesOf()
  const [head] = first.toString('latin1').split('$4000')
  t.equal(head, '*7\r\n$7\r\nevalsha\r\n$3\r\nsha\r\n$1\r\n1\r\n$3\r\nkey\r\n')
  t.ok(first.toString('latin1').endsWith('\r\n$17\r\n0-281474976710655\r\n$0\r\n\r\n'))
  commands.wipe(true)
  t.ok(isWiped(second))
  const third = bytesOf()
  t.equal(third.buffer, second.buffer, 'the memory serves again')
  commands.wipe(false)
  t.notOk(isWiped(third))
  t.not(bytesOf().buffer, third.buffer)
})

test('the memory store overwrites what it erases', async (t) => {
  const { parts, send, secrets } = await createBench(t)
  const { store } = parts
  const { address } = createMailbox()
  await send(address, randomBytes(SIZE))
  const queue = deriveQueue(secrets.live, address)
  const [waiting] = await store.survey(bucketsOf(queue, 1, store.nowSeconds(0)))
  const { bucket } = waiting as { bucket: Parameters<typeof store.read>[0] }
  const { entries } = await store.read(bucket, undefined, 1)
  const { seq, sealed } = entries[0] as { seq: number; sealed: Uint8Array }
  t.notOk(isWiped(sealed))
  await eraseNow(store, bucket, [seq])
  t.ok(isWiped(sealed))
})
