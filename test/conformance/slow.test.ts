import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { createEnvelope, createEnvelopes, createMailbox, idsOf, numbersOf, range } from './client.ts'
import { connectDeposit, depositAll } from './deposit-socket.ts'
import { acknowledge, deposit, fetchFrom } from './http.ts'
import { connectMailbox, peek } from './mailbox-socket.ts'
import { CLOSE } from './problems.ts'
import { checkStalledReaders, checkSteadyReader, SLOW_READER_ENV } from './slow-reader.ts'
import { NO_CLOSE_FRAME } from './socket.ts'
import { bothStores, createStoreSecret, type Relay, relayFor } from './stores.ts'

/** The shortest class, and its slots [protocol §3]. */
const CLASS_SECONDS = 60
const SLOT_SECONDS = 10

/** Waits until a slot has just begun. */
async function nextSlot(): Promise<void> {
  const intoSlot = (Date.now() / 1_000) % SLOT_SECONDS
  await sleep((SLOT_SECONDS - intoSlot + 0.5) * 1_000)
}

async function expiry(t: Test, relay: Relay): Promise<void> {
  await nextSlot()
  const mailbox = createMailbox()
  const sender = await connectDeposit(relay)
  const answers = await sender.depositAll([
    { ref: 0, ttl: 0, address: mailbox.address, envelope: createEnvelope(4_000, 0) },
    { ref: 1, ttl: 599, address: mailbox.address, envelope: createEnvelope(4_000, 1) },
    { ref: 2, ttl: 600, address: mailbox.address, envelope: createEnvelope(4_000, 100) },
  ])
  t.same(new Set(answers.map(({ type }) => type)), new Set(['ACCEPTED']))
  t.equal((await deposit(relay, mailbox.address, createEnvelope(4_000, 2), CLASS_SECONDS)).headers.ttl, '60')
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const expiresAt = Math.floor((nowSeconds + CLASS_SECONDS) / SLOT_SECONDS) * SLOT_SECONDS
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  const delivered = await reader.untilDrained(1)
  t.equal(delivered.length, 4)
  const waiting = async () => numbersOf((await fetchFrom(relay, mailbox, { slots: 8 })).envelopes).sort((a, b) => a - b)
  await sleep((expiresAt - 8) * 1_000 - Date.now())
  t.same(await waiting(), [0, 1, 2, 100], 'still there shortly before')
  await sleep((expiresAt + 1.5) * 1_000 - Date.now())
  t.same(await waiting(), [100], 'gone by itself, and only what was due')
  t.same(numbersOf(await peek(relay, mailbox)), [100], 'for a socket too')
  t.equal((await acknowledge(relay, mailbox, idsOf(delivered).slice(0, 1))).status, 204, 'an ACK that comes too late')
  t.equal((await deposit(relay, mailbox.address, createEnvelope(4_000, 3), CLASS_SECONDS)).status, 202)
  t.same(await waiting(), [3, 100], 'and the mailbox takes more')
}

async function orderAcrossSlots(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  for (const first of [0, 40]) {
    await nextSlot()
    await depositAll(relay, mailbox.address, createEnvelopes(40, 4_000, first), CLASS_SECONDS)
  }
  const { envelopes } = await fetchFrom(relay, mailbox, { slots: 16 })
  t.same(numbersOf(envelopes), range(0, 16), 'a fetch begins with the oldest')
  const reader = await connectMailbox(relay)
  await reader.open(1, mailbox)
  t.same(numbersOf(await reader.takeAll(1)), range(0, 80), 'one class and size, two slots: one order')
  await nextSlot()
  await depositAll(relay, mailbox.address, createEnvelopes(3, 4_000, 80), CLASS_SECONDS)
  t.same(numbersOf(await reader.envelopes(1, 3)), [80, 81, 82], 'live in a third slot')
  t.same(await reader.restFrames(), [])
  await reader.close()
}

async function withoutOpen(t: Test, relay: Relay): Promise<void> {
  const sender = await connectDeposit(relay)
  const opened = await connectMailbox(relay)
  await opened.open(1, createMailbox())
  await opened.untilDrained(1)
  const startMs = performance.now()
  const idle = await connectMailbox(relay)
  t.equal(await idle.closeCode(40_000), CLOSE.noOpen)
  const tookMs = performance.now() - startMs
  t.ok(tookMs > 9_500, `not before its 10 s were over: ${tookMs} ms`)
  t.ok(opened.isOpen && sender.isOpen, 'sockets with an OPEN, and those of senders, stay')
}

async function heartbeat(t: Test, relay: Relay): Promise<void> {
  const mailbox = createMailbox()
  const answering = await connectMailbox(relay)
  const sender = await connectDeposit(relay)
  await answering.open(1, mailbox)
  await answering.untilDrained(1)
  const deaf = [await connectMailbox(relay, { autoPong: false }), await connectDeposit(relay, { autoPong: false })]
  const [deafReader] = deaf
  await (deafReader as typeof answering).open(1, createMailbox())
  await (deafReader as typeof answering).untilDrained(1)
  await sleep(35_000)
  for (const socket of [answering, sender, ...deaf]) t.ok(socket.pings >= 1, 'pinged within 35 s')
  const codes = await Promise.all(deaf.map((socket) => socket.closeCode(80_000)))
  t.same(codes, [NO_CLOSE_FRAME, NO_CLOSE_FRAME], 'the connections without pongs ended')
  for (const socket of deaf) t.ok(socket.pings >= 2, 'after two of them, not one')
  t.ok(answering.pings >= 2, 'every 30 s')
  sender.deposit({ ref: 1, ttl: 60, address: mailbox.address, envelope: createEnvelope(4_000, 1) })
  t.same(await sender.answer(), { type: 'ACCEPTED', ref: 1 }, 'those that answer pings stay')
  t.same(numbersOf(await answering.envelopes(1, 1)), [1])
}

const CASES: Record<string, (t: Test, relay: Relay) => Promise<void>> = {
  '[protocol §3] an envelope is gone when its time is up': expiry,
  '[protocol §5] order within a class and size, across slots': orderAcrossSlots,
  '[protocol §6] 4408 without an OPEN within 10 s': withoutOpen,
  '[protocol §5] pings every 30 s; two missed pongs end the connection': heartbeat,
}

/** All at the same time: they do nothing but wait. */
test('what takes its time', async (t) => {
  t.jobs = 16
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const running: Promise<unknown>[] = []
  for (const { name, env } of bothStores()) {
    const relay = await relayFor(t, env)
    for (const [title, body] of Object.entries(CASES)) {
      running.push(t.test(`${title}, ${name}`, { buffered: true }, (t) => body(t, relay)))
    }
    const own = name === 'Redis' ? { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() } : {}
    const narrow = await relayFor(t, { ...own, ...SLOW_READER_ENV })
    running.push(
      t.test(`[protocol §6] 4410 for a reader that never reads, ${name}`, { buffered: true }, async (t) => {
        await checkStalledReaders(t, narrow)
        await checkSteadyReader(t, narrow)
      }),
    )
  }
  await Promise.all(running)
})
