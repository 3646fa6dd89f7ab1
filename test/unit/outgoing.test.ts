import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { TRANSPORT_ROOM_BYTES } from '../../src/mailbox/delivery.ts'
import { systemClock } from '../../src/mailbox/system-ports.ts'
import { CLOSE } from '../../src/protocol/errors.ts'
import { Outgoing } from '../../src/ws/outgoing.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

async function createPair(t: Test) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.teardown(() => server.close())
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => client.terminate())
  const received: Buffer[] = []
  client.on('message', (frame: Buffer) => received.push(frame))
  const [socket, { socket: transport }] = (await once(server, 'connection')) as [WebSocket, IncomingMessage]
  const outgoing = new Outgoing(socket, transport, systemClock, 10_000_000, () => {})
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
