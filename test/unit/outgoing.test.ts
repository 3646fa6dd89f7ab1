import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import { TRANSPORT_ROOM_BYTES } from '../../src/mailbox/delivery.ts'
import { systemClock } from '../../src/mailbox/system-ports.ts'
import { CLOSE } from '../../src/protocol/errors.ts'
import { Outgoing } from '../../src/ws/outgoing.ts'
import { OutgoingBudget } from '../../src/ws/outgoing-budget.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const SIZE = 60_000
const AMPLE = { limitBytes: 10_000_000, budget: new OutgoingBudget(100_000_000, SIZE) }

async function createPair(t: Test, limits: typeof AMPLE = AMPLE, onRoom: (outgoing: Outgoing) => void = () => {}) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.teardown(() => server.close())
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => client.terminate())
  const received: Buffer[] = []
  client.on('message', (frame: Buffer) => received.push(frame))
  const opened = once(client, 'open')
  const [socket, { socket: transport }] = (await once(server, 'connection')) as [WebSocket, IncomingMessage]
  const outgoing: Outgoing = new Outgoing(socket, transport, systemClock, limits, () => onRoom(outgoing))
  socket.on('close', () => outgoing.end())
  await opened
  return { client, received, transport, socket, outgoing }
}

test('[RFC6455-5.2] frames of every length arrive whole and in order, between pings', async (t) => {
  const { received, socket, outgoing } = await createPair(t)
  const sent: Buffer[] = []
  for (const length of [0, 1, 125, 126, 127, 4019, 65_535, 65_536, 200_000]) {
    const short = randomBytes(length % 126)
    outgoing.send(short)
    outgoing.send(short)
    socket.ping()
    const room = randomBytes(TRANSPORT_ROOM_BYTES + length)
    sent.push(short, short, Buffer.from(room.subarray(TRANSPORT_ROOM_BYTES)))
    outgoing.sendAndWipe(room, TRANSPORT_ROOM_BYTES)
  }
  t.throws(() => outgoing.send(randomBytes(126)), RangeError)
  await eventually(() => received.length === sent.length)
  t.ok(received.every((frame, i) => frame.equals(sent[i] as Buffer)))
})

test('what one turn brings for a socket is written in one go, and counted against its bound before', async (t) => {
  const { received, transport, outgoing } = await createPair(t)
  let writes = 0
  const write = transport._writev as NonNullable<typeof transport._writev>
  transport._writev = (chunks, done) => {
    writes++
    write.call(transport, chunks, done)
  }
  const before = outgoing.roomBytes()
  for (let i = 0; i < 10; i++) outgoing.sendAndWipe(randomBytes(1000), TRANSPORT_ROOM_BYTES)
  t.ok(outgoing.roomBytes() <= before - 9_900)
  await eventually(() => received.length === 10)
  t.equal(writes, 1)
  await eventually(() => outgoing.roomBytes() === before)
})

test('frames that were sent before a close still arrive', async (t) => {
  const { client, received, outgoing } = await createPair(t)
  const closed = once(client, 'close')
  outgoing.send(Buffer.from('last'))
  outgoing.close(CLOSE.draining)
  outgoing.send(Buffer.from('late'))
  t.equal((await closed)[0], CLOSE.draining)
  t.same(received.map(String), ['last'])
})

/** No mailbox has more unacknowledged. */
const WINDOW = 1_000

/** Sends as many frames as there is room for, as a mailbox does, and waits where there is none. @returns how many */
function sendAll(outgoing: Outgoing): number {
  let sent = 0
  for (; sent < WINDOW && outgoing.roomBytes() >= SIZE; sent++)
    outgoing.sendAndWipe(Buffer.alloc(TRANSPORT_ROOM_BYTES + SIZE), TRANSPORT_ROOM_BYTES)
  outgoing.hold()
  return sent
}

/** One whose client reads nothing, filled with as much as it is given. */
async function stalledPair(t: Test, limits: typeof AMPLE) {
  const pair = await createPair(t, limits, sendAll)
  pair.client.pause()
  // The kernel takes some, and then no more.
  await eventually(async () => {
    sendAll(pair.outgoing)
    const before = pair.transport.bytesWritten
    await sleep(50)
    return pair.transport.bytesWritten === before && pair.outgoing.roomBytes() < SIZE
  })
  return pair
}

test('all sockets together are bounded, and whoever reads is served however many do not', async (t) => {
  const budget = new OutgoingBudget(4_000_000, SIZE)
  const limits = { limitBytes: 10_000_000, budget }
  const stalled = [await stalledPair(t, limits)]
  t.ok(budget.freeBytes >= 3_000_000 - SIZE, 'one alone has half of one half')
  for (let i = 0; i < 7; i++) stalled.push(await stalledPair(t, limits))
  t.ok(budget.freeBytes <= 2_100_000, 'all together have that half')
  t.ok(budget.freeBytes >= 2_000_000 - 8 * SIZE, 'and a frame each at most')
  const { outgoing, received } = await createPair(t, limits)
  for (let sent = 1; sent <= 5; sent++) {
    t.ok(outgoing.roomBytes() >= SIZE, 'somebody who reads gets one frame after the other')
    outgoing.sendAndWipe(Buffer.alloc(TRANSPORT_ROOM_BYTES + SIZE), TRANSPORT_ROOM_BYTES)
    t.ok(outgoing.roomBytes() < SIZE, 'and no two at a time')
    await eventually(() => received.length === sent && outgoing.roomBytes() >= SIZE)
  }
  for (const { client } of stalled) client.terminate()
  await eventually(() => budget.freeBytes === 4_000_000)
})

test('who waits for others is told when there is room again', async (t) => {
  const budget = new OutgoingBudget(1_000_000, SIZE)
  const limits = { limitBytes: 10_000_000, budget }
  const [one, other] = [await stalledPair(t, limits), await stalledPair(t, limits)]
  let told = 0
  const third = await createPair(t, limits, () => {
    told++
  })
  budget.change(budget.freeBytes - SIZE / 2)
  t.equal(sendAll(third.outgoing), 0)
  t.equal(told, 0)
  one.client.terminate()
  await eventually(() => told > 0)
  t.ok(third.outgoing.roomBytes() >= SIZE, 'and there is')
  other.client.terminate()
})

test('where answers that nobody can refuse are too many, who lets them wait is cut off', async (t) => {
  const budget = new OutgoingBudget(1_000_000, SIZE)
  const limits = { limitBytes: 10_000_000, budget }
  const { outgoing } = await stalledPair(t, limits)
  const reader = await createPair(t, limits)
  t.notOk(outgoing.cutOffIfOverfull())
  budget.change(1_000_000)
  t.notOk(reader.outgoing.cutOffIfOverfull(), 'not who reads')
  t.ok(outgoing.cutOffIfOverfull())
  t.equal(outgoing.closedWith, CLOSE.slowReader)
})

test('room that is set aside counts, for the socket and for all', async (t) => {
  const budget = new OutgoingBudget(1_000_000, SIZE)
  const { outgoing, socket } = await createPair(t, { limitBytes: 300_000, budget })
  outgoing.reserve(100_000)
  t.equal(outgoing.roomBytes(), 200_000)
  t.equal(budget.freeBytes, 900_000)
  t.ok(budget.take(300_000))
  t.equal(outgoing.roomBytes(), 0, 'as much as is free of one half')
  t.notOk(budget.take(700_000))
  budget.give(300_000)
  socket.terminate()
  await eventually(() => budget.freeBytes === 1_000_000)
  outgoing.reserve(-100_000)
  t.equal(budget.freeBytes, 1_000_000, 'given back once')
})
