import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { createEnvelope, createMailbox, type Mailbox } from './client.ts'
import { connectDeposit } from './deposit-socket.ts'
import { acknowledge, deposit } from './http.ts'
import { connectMailbox, peek } from './mailbox-socket.ts'
import { checkProblem, numberOf } from './problems.ts'
import { createStoreSecret, type Relay, relayFor } from './stores.ts'

const LARGE = 64_000

interface Held {
  readonly mailbox: Mailbox
  readonly envelope: Buffer
}

/** Deposits, each into a mailbox of its own, until the store takes no more; gives what was accepted. */
async function fillUp(t: Test, relay: Relay, atMost: number): Promise<Held[]> {
  const held: Held[] = []
  for (let count = 0; count < atMost; count++) {
    const [mailbox, envelope] = [createMailbox(), createEnvelope(LARGE)]
    const answer = await deposit(relay, mailbox.address, envelope)
    if (answer.status !== 202) {
      checkProblem(t, answer, 'ERR_STORE_UNAVAILABLE', 'full')
      return held
    }
    held.push({ mailbox, envelope })
  }
  throw new Error(`the store took ${atMost} envelopes and was not full`)
}

async function checkFullStore(t: Test, relay: Relay, atMost: number): Promise<void> {
  const reader = await connectMailbox(relay)
  const held = await fillUp(t, relay, atMost)
  t.ok(held.length >= 4, `it held ${held.length} before it was full`)
  const socket = await connectDeposit(relay)
  socket.deposit({ ref: 1, ttl: 60, address: createMailbox().address, envelope: createEnvelope(LARGE) })
  t.same(await socket.answer(), { type: 'ERROR', ref: 1, code: numberOf('ERR_STORE_UNAVAILABLE') })
  for (const [channel, { mailbox, envelope }] of held.entries()) {
    await reader.open(channel, mailbox)
    const received = await reader.untilDrained(channel)
    t.ok(received.length === 1 && received[0]?.envelope.equals(envelope), 'what was accepted is intact')
  }
  const emptied = held.slice(0, 3).map(({ mailbox }) => mailbox)
  for (const mailbox of emptied) {
    const ids = (await peek(relay, mailbox)).map(({ id }) => id)
    t.equal((await acknowledge(relay, mailbox, ids)).status, 204, 'a full store can be emptied')
  }
  socket.deposit({ ref: 2, ttl: 60, address: createMailbox().address, envelope: createEnvelope(LARGE) })
  t.same(await socket.answer(), { type: 'ACCEPTED', ref: 2 }, 'and takes more then')
  await Promise.all([socket.close(), reader.close()])
}

test('[protocol §6] a full memory store', async (t) => {
  const relay = await relayFor(t, { LETHE_MEMORY_STORE_BYTES: '1000000', LETHE_BUCKET_BYTES: '500000' })
  await checkFullStore(t, relay, 16)
})

test('[protocol §6] a full Redis', async (t) => {
  const redis: RedisServer = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] })
  t.teardown(() => redis.stop())
  const relay = await relayFor(t, { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() })
  t.equal((await deposit(relay, createMailbox().address, createEnvelope())).status, 202)
  const used = /used_memory:(\d+)/.exec(await redis.cli('INFO', 'memory'))?.[1] ?? '0'
  await redis.cli('CONFIG', 'SET', 'maxmemory', String(Number(used) + 2_000_000))
  await checkFullStore(t, relay, 64)
})
