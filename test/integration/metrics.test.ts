import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { METRICS } from '../../src/telemetry/metrics.ts'
import { metricRows } from '../../src/telemetry/metrics-table.ts'
import { parseMetricsPage } from '../_util/metrics-page.ts'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import { HOW_TO_INSTALL_PROMTOOL } from '../_util/runner/promtool.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createEnvelopes, createMailbox, idsOf } from '../conformance/client.ts'
import { connectDeposit, depositAll } from '../conformance/deposit-socket.ts'
import { acknowledge, deposit, fetchFrom } from '../conformance/http.ts'
import { connectMailbox } from '../conformance/mailbox-socket.ts'
import { parseJson } from '../conformance/problems.ts'
import { createStoreSecret, withinOneSlot } from '../conformance/stores.ts'

const DAY = 86_400

async function startTestRelay(t: Test, env: Record<string, string>): Promise<Relay> {
  const relay = await startRelay(env)
  t.teardown(() => relay.kill())
  return relay
}

/** A relay with exact metrics on a Redis of its own. */
async function startExact(t: Test, env: Record<string, string> = {}): Promise<{ relay: Relay; redis: RedisServer }> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const store = { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() }
  return { redis, relay: await startTestRelay(t, { LETHE_METRICS_EXACT: 'true', ...store, ...env }) }
}

async function scrape({ adminUrl }: Relay): Promise<string> {
  const answer = await fetch(`${adminUrl}/metrics`)
  if (answer.status !== 200) throw new Error(`/metrics was answered ${answer.status}`)
  return answer.text()
}

/** What one metric shows now: a number for each value of its labels, in the order of the page. */
async function read(relay: Relay, name: string): Promise<Record<string, number>> {
  const samples = [...parseMetricsPage(await scrape(relay))].filter(([sample]) => sample.replace(/\{.*/, '') === name)
  const labelled = samples.map(([sample, value]) => [/"(.*)"/.exec(sample)?.[1]?.replace(/",\w+="/, ' ') ?? '', value])
  return Object.fromEntries(labelled.filter(([, value]) => value !== 0))
}

async function becomes(t: Test, relay: Relay, name: string, expected: Record<string, number>): Promise<void> {
  let found: Record<string, number> = {}
  await eventually(async () => {
    found = await read(relay, name)
    return JSON.stringify(found) === JSON.stringify(expected)
  }).catch(() => {})
  t.strictSame(found, expected, name)
}

/** Every counter and bucket of ones on every page is a multiple of 16, and none goes back. */
function checkSteps(t: Test, pages: readonly string[]): void {
  const ones = metricRows.filter(([, { type, grain }]) => type !== 'gauge' && grain === 1).map(([, { name }]) => name)
  const isOnes = (sample: string) =>
    ones.some((name) => sample.startsWith(name)) || /_(bucket|count)(\{|$)/.test(sample)
  const seen = new Map<string, number>()
  const wrong: string[] = []
  for (const page of pages) {
    for (const [sample, value] of parseMetricsPage(page)) {
      if (!isOnes(sample)) continue
      if (value % 16 !== 0 || value < (seen.get(sample) ?? 0)) wrong.push(`${sample} ${value}`)
      seen.set(sample, value)
    }
  }
  t.strictSame(wrong, [])
  t.ok(seen.size > 50, 'there are many of them')
}

/** The first takes a minute of real time; the others run beside it. */
const cases: Record<string, (t: Test) => Promise<void>> = {
  'what nobody acknowledged is counted when its time is up, in exact metrics': async (t) => {
    await withinOneSlot(60, 5)
    const { relay } = await startExact(t)
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(3), 60)
    const { envelopes } = await fetchFrom(relay, mailbox, { slots: 2 })
    await acknowledge(relay, mailbox, idsOf(envelopes))
    const expired = async () => [
      (await read(relay, METRICS.expiredAccepted.name))[''] ?? 0,
      (await read(relay, METRICS.expiredAcknowledged.name))[''] ?? 0,
    ]
    t.strictSame(await expired(), [0, 0], 'not before')
    await eventually(async () => (await expired())[0] === 3, { timeoutMs: 75_000, intervalMs: 500 })
    t.strictSame(await expired(), [3, 2])
  },

  'an envelope from deposit to acknowledgement, in exact metrics': async (t) => {
    await withinOneSlot(DAY)
    const { relay } = await startExact(t)
    const mailbox = createMailbox()
    // One after the other: those of one batch have one wake-up.
    for (const envelope of createEnvelopes(3)) await deposit(relay, mailbox.address, envelope)
    t.equal((await deposit(relay, mailbox.address, createEnvelope(64_000))).status, 202)
    await becomes(t, relay, METRICS.deposits.name, { 'accepted 0': 3, 'accepted 1': 1 })

    const reader = await connectMailbox(relay)
    await reader.open(1, mailbox)
    const received = await reader.untilDrained(1)
    await becomes(t, relay, METRICS.delivered.name, { read: 4 })
    await becomes(t, relay, METRICS.openMailboxes.name, { '': 1 })
    await becomes(t, relay, METRICS.openSockets.name, { mailbox: 1 })

    await deposit(relay, mailbox.address, createEnvelope())
    received.push(...(await reader.envelopes(1, 1)))
    await becomes(t, relay, METRICS.delivered.name, { pushed: 1, read: 4 })
    reader.ack(1, idsOf(received))
    await becomes(t, relay, METRICS.acknowledged.name, { '': 5 })

    await deposit(relay, mailbox.address, createEnvelope())
    const fetched = await fetchFrom(relay, mailbox)
    await becomes(t, relay, METRICS.delivered.name, { pushed: 2, read: 4, fetched: 1 })
    for (let i = 0; i < 2; i++) t.equal((await acknowledge(relay, mailbox, idsOf(fetched.envelopes))).status, 204)
    await becomes(t, relay, METRICS.acknowledged.name, { '': 6 })
    await becomes(t, relay, METRICS.wakeUps.name, { here: 2, elsewhere: 4 })

    await reader.close()
    await becomes(t, relay, METRICS.openMailboxes.name, {})
    await becomes(t, relay, METRICS.openSockets.name, {})
    const writes = await read(relay, `${METRICS.storeBatch.name}_sum`)
    t.ok((writes[''] ?? 0) >= 8, 'six deposits and at least two erasures went to Redis')
    const answered = await read(relay, `${METRICS.storeLatency.name}_count`)
    t.ok((answered.batch ?? 0) > 0 && (answered.command ?? 0) > 0, 'and it was seen how long that took')
  },

  'a full bucket and a full window, in exact metrics': async (t) => {
    await withinOneSlot(DAY)
    const { relay } = await startExact(t, { LETHE_BUCKET_BYTES: '160000', LETHE_WINDOW: '32' })
    const mailbox = createMailbox()
    await depositAll(relay, mailbox.address, createEnvelopes(40), DAY)
    t.equal((await deposit(relay, mailbox.address, createEnvelope(), DAY)).status, 507)
    await becomes(t, relay, METRICS.deposits.name, { 'accepted 0': 40, 'full 0': 1 })
    const reader = await connectMailbox(relay)
    await reader.open(1, mailbox)
    const received = await reader.envelopes(1, 32)
    await becomes(t, relay, METRICS.stalls.name, { window: 1 })
    reader.ack(1, idsOf(received))
    received.push(...(await reader.untilDrained(1)))
    t.equal(received.length, 40)
    await becomes(t, relay, METRICS.stalls.name, { window: 1 })
    await reader.close()
  },

  'how sockets end, in exact metrics': async (t) => {
    const relay = await startTestRelay(t, { LETHE_METRICS_EXACT: 'true' })
    const ended = (expected: Record<string, number>) => becomes(t, relay, METRICS.socketCloses.name, expected)
    const malformed = await connectDeposit(relay)
    malformed.send(Buffer.of(0xff))
    t.equal(await malformed.closeCode(), 4400)
    await ended({ 4400: 1 })
    const oversized = await connectDeposit(relay)
    oversized.send(Buffer.alloc(70_000))
    await oversized.closeCode()
    await ended({ 1009: 1, 4400: 1 })
    await (await connectMailbox(relay)).close()
    await ended({ 1009: 1, 4400: 1, client: 1 })
    const lost = await connectMailbox(relay)
    lost.terminate()
    await ended({ 1009: 1, 4400: 1, client: 1, lost: 1 })
  },

  'a store that is lost and comes back empty, in exact metrics': async (t) => {
    const { relay, redis } = await startExact(t)
    const reader = await connectMailbox(relay)
    await reader.open(1, createMailbox())
    await becomes(t, relay, METRICS.storeUp.name, { '': 1 })
    await redis.kill()
    await becomes(t, relay, METRICS.storeUp.name, {})
    t.equal((await deposit(relay, createMailbox().address, createEnvelope())).status, 503)
    await becomes(t, relay, METRICS.deposits.name, { 'unavailable 0': 1 })
    await redis.restart()
    await becomes(t, relay, METRICS.storeUp.name, { '': 1 })
    await becomes(t, relay, METRICS.storeReplaced.name, { '': 1 })
    await becomes(t, relay, METRICS.socketCloses.name, { 4503: 1 })
    t.ok(((await read(relay, METRICS.storeFaults.name)).connection ?? 0) > 0, 'faults of the connection')
  },

  'exact metrics are shown to anyone, and so is what is published otherwise': async (t) => {
    const settings = [
      [{}, { metricsExact: false, metricsInterval: 60, metricsStep: 16 }, /in steps of 16, every 60 seconds/],
      [{ LETHE_METRICS_EXACT: 'true' }, { metricsExact: true }, /exact and live/],
      [
        { LETHE_METRICS_INTERVAL_SECONDS: '3600', LETHE_METRICS_STEP: '256' },
        { metricsExact: false, metricsInterval: 3600, metricsStep: 256 },
        /in steps of 256, every 3600 seconds/,
      ],
    ] as const
    for (const [env, info, page] of settings) {
      const relay = await startTestRelay(t, env)
      const answer = await fetch(`${relay.url}/v1/info`)
      t.match(parseJson(Buffer.from(await answer.arrayBuffer())), info)
      t.match(await (await fetch(relay.url)).text(), page)
      t.match(relay.stderr(), `"metricsExact":${info.metricsExact}`, 'in the log')
      await relay.stop()
    }
  },

  'as they are published by default, metrics show nothing of what has just happened': async (t) => {
    const relay = await startTestRelay(t, {})
    const before = await scrape(relay)
    const { address } = createMailbox()
    const reader = await connectMailbox(relay)
    await depositAll(relay, address, createEnvelopes(40), DAY)
    t.equal(await scrape(relay), before, 'the same bytes')
    t.strictSame(await read(relay, METRICS.storeUp.name), { '': 1 })
    await reader.close()
  },

  'published metrics move at the interval, in steps, and come to the truth': async (t) => {
    const relay = await startTestRelay(t, { LETHE_METRICS_INTERVAL_SECONDS: '2' })
    const startedMs = Date.now()
    const { address } = createMailbox()
    const pages: string[] = []
    let isOver = false
    const scraping = (async () => {
      while (!isOver) {
        const page = await scrape(relay)
        if (page !== pages.at(-1)) pages.push(page)
        await sleep(50)
      }
    })()
    for (const count of [7, 20, 13]) await depositAll(relay, address, createEnvelopes(count), DAY)
    const accepted = 'lethe_deposits_total{result="accepted",size="0"}'
    await eventually(() => parseMetricsPage(pages.at(-1) ?? '').get(accepted) === 32, { timeoutMs: 30_000 })
    isOver = true
    await scraping
    const intervals = Math.ceil((Date.now() - startedMs) / 2000) + 1
    t.ok(pages.length <= intervals + 1, 'no more pages than intervals')
    checkSteps(t, pages)
  },

  'promtool has nothing to say about the metrics of a relay': async (t) => {
    const { relay } = await startExact(t)
    await depositAll(relay, createMailbox().address, createEnvelopes(3), DAY)
    const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: await scrape(relay),
      encoding: 'utf8',
    })
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') t.fail(HOW_TO_INSTALL_PROMTOOL)
    else t.strictSame({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
  },
}

test('metrics of a relay', { jobs: 2 }, async (t) => {
  for (const [title, body] of Object.entries(cases)) t.test(title, body)
})
