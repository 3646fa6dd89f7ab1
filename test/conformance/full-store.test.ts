import { startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { createEnvelope, createMailbox, idsOf, type Mailbox } from './client.ts'
import { connectDeposit } from './deposit-socket.ts'
import { type Answer, acknowledge, deposit } from './http.ts'
import { peek } from './mailbox-socket.ts'
import { checkProblem, numberOf } from './problems.ts'
import { createStoreSecret, type Relay, relayFor } from './stores.ts'

const LARGE = 64_000

interface Held {
  readonly mailbox: Mailbox
  readonly envelope: Buffer
}

/** Deposits, each into a mailbox of its own, until one is refused; gives what was accepted and the refusal. */
async function fillUp(relay: Relay, atMost: number): Promise<[Held[], Answer | undefined]> {
  const held: Held[] = []
  while (held.length < atMost) {
    const [mailbox, envelope] = [createMailbox(), createEnvelope(LARGE)]
    const answer = await deposit(relay, mailbox.address, envelope)
    if (answer.status !== 202) return [held, answer]
    held.push({ mailbox, envelope })
  }
  return [held, undefined]
}

/** What a full store says, that it still holds what it accepted, and that this can be read and acknowledged. */
async function checkFull(t: Test, relay: Relay, held: readonly Held[]): Promise<void> {
  const late = createMailbox()
  checkProblem(t, await deposit(relay, late.address, createEnvelope(LARGE)), 'ERR_STORE_UNAVAILABLE', 'full')
  const socket = await connectDeposit(relay)
  socket.deposit({ ref: 1, ttl: 60, address: late.address, envelope: createEnvelope(LARGE) })
  t.same(await socket.answer(), { type: 'ERROR', ref: 1, code: numberOf('ERR_STORE_UNAVAILABLE') })
  for (const { mailbox, envelope } of held) {
    const received = await peek(relay, mailbox)
    t.ok(received.length === 1 && received[0]?.envelope.equals(envelope), 'what was accepted is intact')
  }
  for (const { mailbox } of held.slice(0, 3)) {
    const answer = await acknowledge(relay, mailbox, idsOf(await peek(relay, mailbox)))
    t.equal(answer.status, 204, 'a full store can be emptied')
    t.same(await peek(relay, mailbox), [])
  }
  await socket.close()
}

/** Once there is room again. */
async function checkRoom(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  t.equal((await deposit(relay, mailbox.address, createEnvelope(LARGE))).status, 202, 'it takes more')
  const socket = await connectDeposit(relay)
  socket.deposit({ ref: 2, ttl: 60, address: mailbox.address, envelope: createEnvelope(LARGE) })
  t.same(await socket.answer(), { type: 'ACCEPTED', ref: 2 })
  t.equal((await peek(relay, mailbox)).length, 2)
  await socket.close()
}

test('[protocol §6] a full memory store', async (t) => {
  const relay = await relayFor(t, { LETHE_MEMORY_STORE_BYTES: '1000000', LETHE_BUCKET_BYTES: '500000' })
  const [held, refusal] = await fillUp(relay, 16)
  t.ok(refusal, 'it was full before it held 1,024,000 bytes of envelopes')
  t.ok(held.length >= 8, `it took ${held.length} of 64,000 bytes`)
  await checkFull(t, relay, held)
  await checkRoom(t, relay)
})

test('[protocol §6] a full Redis', async (t) => {
  const redis = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] })
  t.teardown(() => redis.stop())
  const relay = await relayFor(t, { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() })
  const [held, refusal] = await fillUp(relay, 8)
  t.equal(refusal, undefined)
  await redis.cli('CONFIG', 'SET', 'maxmemory', '1')
  await checkFull(t, relay, held)
  await redis.cli('CONFIG', 'SET', 'maxmemory', '0')
  await checkRoom(t, relay)
})
