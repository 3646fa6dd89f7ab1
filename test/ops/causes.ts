import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisServer } from '../_util/redis.ts'
import type { Relay } from '../_util/relay.ts'
import { createEnvelopes, createMailbox } from '../conformance/client.ts'
import { connectDeposit } from '../conformance/deposit-socket.ts'
import { fetchFrom, OCTETS } from '../conformance/http.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'

const DAY = 86_400
const BATCH = 500

/** Lays envelopes of 4,000 bytes into new mailboxes until the store has refused some, and some more after that. */
export async function fillStore(relay: Relay): Promise<void> {
  const socket = await connectDeposit(relay)
  for (let refused = 0; refused < 2 * BATCH; ) {
    const { address } = createMailbox()
    const deposits = createEnvelopes(BATCH).map((envelope, ref) => ({ ref, ttl: DAY, address, envelope }))
    const answers = await socket.depositAll(deposits)
    refused += answers.filter(({ type }) => type !== 'ACCEPTED').length
  }
  await socket.close()
}

/** Lays many more envelopes into one mailbox than it may hold. */
export async function overfillMailbox(relay: Relay, holds: number): Promise<void> {
  const socket = await connectDeposit(relay)
  const { address } = createMailbox()
  await socket.depositAll(createEnvelopes(40 * holds).map((envelope, ref) => ({ ref, ttl: DAY, address, envelope })))
  await socket.close()
}

/** Has Redis stand still for a while, with many commands under way. */
export async function slowRedis(redis: RedisServer, relay: Relay): Promise<void> {
  for (let i = 0; i < 2; i++) {
    redis.pause()
    const fetches = Array.from({ length: 60 }, () => fetchFrom(relay, createMailbox()))
    await sleep(500)
    redis.resume()
    await Promise.all(fetches)
  }
}

/** Gives a relay half of the time only, in pieces, until `isEnough`. */
export async function starve(relay: Relay, isEnough: () => Promise<boolean>): Promise<void> {
  while (!(await isEnough())) {
    process.kill(relay.pid, 'SIGSTOP')
    await sleep(300)
    process.kill(relay.pid, 'SIGCONT')
    await sleep(300)
  }
}

/** Opens as many WebSockets as a relay takes connections, but for a few. */
export async function crowd(relay: Relay, connections: number): Promise<void> {
  for (let i = 0; i < connections - 4; i++) await connectMailbox(relay)
}

/** Opens connections that are too many, and lets go of them. */
export async function overcrowd(relay: Relay): Promise<void> {
  const { port } = new URL(relay.url)
  const ended = Array.from({ length: 40 }, () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port) })
    socket.on('error', () => {})
    return new Promise((resolve) => {
      socket.once('close', resolve)
      setTimeout(() => socket.destroy(), 1_000)
    })
  })
  await Promise.all(ended)
}

/** Sends half of a deposit, which keeps a relay from ending. @returns what cuts it off */
export async function halfDeposit(relay: Relay): Promise<() => void> {
  const { port } = new URL(relay.url)
  const socket = connect({ host: '127.0.0.1', port: Number(port) })
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  const head = `POST /v1/deposit HTTP/1.1\r\nHost: relay\r\nContent-Type: ${OCTETS}\r\nContent-Length: 4032\r\n\r\n`
  socket.write(head)
  socket.write(Buffer.alloc(2_000))
  await sleep(100)
  return () => socket.destroy()
}
