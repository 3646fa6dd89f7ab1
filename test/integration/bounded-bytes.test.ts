import { startRedis } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createEnvelopes, createMailbox, numbersOf, range } from '../conformance/client.ts'
import { connectDeposit, depositAll } from '../conformance/deposit-socket.ts'
import { fetchFrom } from '../conformance/http.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'
import { createStoreSecret, relayFor } from '../conformance/stores.ts'
import { EXACT_METRICS, metric } from './served.ts'

const LARGE = 64_000

test('bytes on their way to Redis are bounded, and what is beyond that is refused at once', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const store = { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() }
  // So long that only the bytes count.
  const relay = await relayFor(t, { ...store, ...EXACT_METRICS, LETHE_MAX_WAIT_MS: '60000' })
  redis.pause()
  t.teardown(() => redis.resume())
  const { address } = createMailbox()
  const envelope = createEnvelope(LARGE)
  const senders = await Promise.all(range(0, 80).map(() => connectDeposit(relay)))
  for (const sender of senders) for (const ref of range(0, 17)) sender.deposit({ ref, ttl: 600, address, envelope })
  await eventually(async () => (await metric(relay, 'lethe_refusals_total{cause="load"}')) > 0, { timeoutMs: 30_000 })
  const bytes = await metric(relay, 'lethe_store_queue_bytes')
  t.ok(bytes <= 64_000_000, `${bytes} bytes`)
  t.ok(bytes >= 60_000_000, `${bytes} bytes`)
  redis.resume()
  for (const sender of senders) await sender.close()
})

test('readers of an instance that has room for one frame take turns, and each gets all', async (t) => {
  const relay = await relayFor(t, { LETHE_OUTGOING_BYTES: '70000' })
  const mailboxes = range(0, 5).map(() => createMailbox())
  for (const { address } of mailboxes) await depositAll(relay, address, createEnvelopes(20, LARGE), 600)
  await Promise.all(
    mailboxes.map(async (mailbox) => {
      const reader = await connectMailbox(relay)
      await reader.open(1, mailbox)
      t.same(numbersOf(await reader.takeAll(1)), range(0, 20))
      await reader.close()
    }),
  )
})

test('an answer to a fetch has to find room too, and gives it back', async (t) => {
  const relay = await relayFor(t, { LETHE_OUTGOING_BYTES: '150000' })
  const mailbox = createMailbox()
  await depositAll(relay, mailbox.address, createEnvelopes(2, LARGE), 600)
  const three = await fetchFrom(relay, mailbox, { slots: 3, sizeIndex: 1 }).catch((error: unknown) => String(error))
  t.match(three, /503/)
  for (const _ of range(0, 5)) {
    t.same(numbersOf((await fetchFrom(relay, mailbox, { slots: 2, sizeIndex: 1 })).envelopes), [0, 1])
  }
})
