import { sharedRedisUrl } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { createEnvelope, createMailbox, range } from '../conformance/client.ts'
import { connectDeposit } from '../conformance/deposit-socket.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'
import { createStoreSecret, relayFor } from '../conformance/stores.ts'

const ROUNDS = 150
const HOUR = 3_600
const DAY = 86_400
/** Long for a push, and well before a session looks by itself. [protocol §8] */
const SOON_MS = 12_000

test('[protocol §8] deposits of two relays that cross, for buckets of their own, both wake the recipient', async (t) => {
  const env = { LETHE_REDIS_URL: sharedRedisUrl(), LETHE_STORE_SECRET: createStoreSecret() }
  const relays = [await relayFor(t, env), await relayFor(t, env)] as const
  const mailbox = createMailbox()
  const reader = await connectMailbox(relays[0])
  await reader.open(1, mailbox)
  await reader.untilDrained(1)
  const senders = [await connectDeposit(relays[0]), await connectDeposit(relays[1])]
  for (const round of range(0, ROUNDS)) {
    for (const [i, sender] of senders.entries()) {
      const envelope = createEnvelope(4_000, 2 * round + i)
      sender.deposit({ ref: round, ttl: i === 0 ? HOUR : DAY, address: mailbox.address, envelope })
    }
    for (const sender of senders) t.same(await sender.answer(), { type: 'ACCEPTED', ref: round })
    const numbers: number[] = []
    while (numbers.length < senders.length) {
      const frame = await reader.frame(SOON_MS)
      if (frame.type !== 'ENVELOPE') continue
      numbers.push(frame.envelope.readUInt32BE())
      reader.ack(1, [frame.id])
    }
    t.same(numbers.toSorted(), [2 * round, 2 * round + 1].toSorted(), `round ${round}`)
  }
  await Promise.all([reader, ...senders].map((socket) => socket.close()))
})
