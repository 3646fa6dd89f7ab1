import { getHeapStatistics } from 'node:v8'
import { nextPublicationMs } from '../../src/telemetry/publisher.ts'
import { test } from '../_util/tap.ts'
import { ACCEPTED, START_MS, startMetrics } from './metrics-bench.ts'

const MINUTE_MS = 60_000
const EXPIRES_AT = START_MS / 1000 + 86_400

test('what is published changes at full minutes only, the first time after a whole one', async (t) => {
  const { counts, clock, text, value } = startMetrics(t)
  const first = await text()
  for (let i = 0; i < 40; i++) counts.accepted(0, 3, EXPIRES_AT)
  clock.advance(39_499)
  t.equal(await text(), first, 'before a full minute')
  clock.advance(1)
  t.equal(await text(), first, 'at 12:01:00 the interval was not a whole one')
  clock.advance(59_999)
  t.equal(await text(), first, 'before 12:02:00')
  clock.advance(1)
  t.equal(await value(ACCEPTED), 32)
})

test('scraped every second, the page is the same bytes between two publications', async (t) => {
  const { counts, clock, text } = startMetrics(t)
  clock.advance(100_000)
  const pages: string[] = []
  for (let second = 0; second < 300; second++) {
    counts.accepted(0, 3, EXPIRES_AT)
    counts.openMailbox(1)
    pages.push(await text())
    clock.advance(1000)
  }
  const changes = pages.flatMap((page, second) => (second > 0 && page !== pages[second - 1] ? [second] : []))
  t.strictSame(
    changes.map((second) => second % 60),
    changes.map(() => 0),
  )
  t.ok(changes.length >= 4 && changes.length <= 5, `${changes.length} changes in five minutes`)
})

test('a counter one short of a step tells of the next envelope at the end of the interval, not before', async (t) => {
  const { counts, clock, value } = startMetrics(t)
  clock.advance(2 * MINUTE_MS)
  for (let i = 0; i < 15; i++) counts.accepted(0, 3, EXPIRES_AT)
  clock.advance(MINUTE_MS)
  t.equal(await value(ACCEPTED), 0)
  counts.accepted(0, 3, EXPIRES_AT)
  for (let second = 0; second < 39; second++) {
    clock.advance(1000)
    t.equal(await value(ACCEPTED), 0)
  }
  clock.advance(1000)
  t.equal(await value(ACCEPTED), 16)
})

test('a gauge held at the edge of a step shows neither who comes nor who goes', async (t) => {
  const { counts, clock, value } = startMetrics(t)
  const publish = async () => {
    clock.advance(2 * MINUTE_MS)
    return value('lethe_open_mailboxes')
  }
  for (let i = 0; i < 15; i++) counts.openMailbox(1)
  t.equal(await publish(), 0)
  counts.openMailbox(1)
  t.equal(await publish(), 16, 'whoever completes the step is seen')
  for (let i = 0; i < 20; i++) {
    counts.openMailbox(i % 2 === 0 ? -1 : 1)
    t.equal(await publish(), 16, 'and nothing after that')
  }
  for (let i = 0; i < 15; i++) counts.openMailbox(-1)
  t.equal(await publish(), 16)
  counts.openMailbox(-1)
  t.equal(await publish(), 0, 'nobody is nobody')
})

test('exact metrics are live, and say that they are', async (t) => {
  const { counts, value, store } = startMetrics(t, { isExact: true, gauges: { storeQueueBytes: () => 12_345 } })
  counts.accepted(0, 3, EXPIRES_AT)
  t.equal(await value(ACCEPTED), 1)
  counts.accepted(0, 3, EXPIRES_AT)
  t.equal(await value(ACCEPTED), 2)
  t.equal(await value('lethe_store_queue_bytes'), 12_345)
  t.equal(await value('lethe_store_up'), 0)
  store('up')
  t.equal(await value('lethe_store_up'), 1)
  t.equal(await value('lethe_metrics_step'), 0)
  t.equal(await value('lethe_metrics_interval_seconds'), 0)
})

test('otherwise the page says step and interval', async (t) => {
  const { value } = startMetrics(t, { step: 100, intervalSeconds: 3600 })
  t.equal(await value('lethe_metrics_step'), 100)
  t.equal(await value('lethe_metrics_interval_seconds'), 3600)
})

test('whether the store answers, and that it was another one, is told as it is', async (t) => {
  const { store, clock, value } = startMetrics(t)
  store('up')
  store('replaced')
  store('up')
  clock.advance(2 * MINUTE_MS)
  t.equal(await value('lethe_store_up'), 1)
  t.equal(await value('lethe_store_replaced_total'), 1)
})

test('no interval is shorter than a whole one, however timers and clock go', async (t) => {
  const at = (text: string) => Date.parse(`2026-11-23T${text}Z`)
  const next = (text: string) => new Date(nextPublicationMs(at(text), MINUTE_MS)).toISOString().slice(11, 23)
  t.equal(next('12:00:00.000'), '12:01:00.000')
  t.equal(next('11:59:59.999'), '12:01:00.000', 'a timer that came early')
  t.equal(next('12:00:00.900'), '12:01:00.000', 'or a little late')
  t.equal(next('12:00:01.001'), '12:02:00.000', 'or much too late')
  t.equal(next('12:00:59.000'), '12:02:00.000')
  t.equal(nextPublicationMs(at('12:00:00.000'), 1000), at('12:00:01.000'))
  t.equal(nextPublicationMs(at('12:00:00.000'), 86_400_000), at('12:00:00.000') + 1.5 * 86_400_000, 'midnight, but one')
})

test('a clock that jumps publishes neither early nor twice', async (t) => {
  const { counts, clock, text, value } = startMetrics(t)
  clock.advance(2 * MINUTE_MS)
  const before = await text()
  for (let i = 0; i < 16; i++) counts.accepted(0, 3, EXPIRES_AT)
  clock.jump(10_000)
  t.equal(await text(), before, 'a jump alone publishes nothing')
  clock.advance(MINUTE_MS)
  t.equal(await value(ACCEPTED), 16)
})

test('after stop nothing is published any more', async (t) => {
  const { counts, clock, text, stop } = startMetrics(t)
  const before = await text()
  stop()
  for (let i = 0; i < 100; i++) counts.accepted(0, 3, EXPIRES_AT)
  clock.advance(10 * MINUTE_MS)
  t.equal(await text(), before)
})

test('what is asked for is told as it is when it is published, but for memory, which goes in steps of a megabyte', async (t) => {
  let usedBytes = 5_000_000
  const { clock, value } = startMetrics(t, {
    gauges: {
      storeMemory: () => ({ usedBytes, limitBytes: 8_000_001 }),
      isReady: () => true,
      unsafeSettings: () => 2,
      certificateExpiry: () => 1_800_000_001,
    },
  })
  t.equal(await value('lethe_store_memory_bytes'), 4 * 2 ** 20)
  t.equal(await value('lethe_store_memory_limit_bytes'), 8_000_001)
  t.equal(await value('lethe_ready'), 1)
  t.equal(await value('lethe_store_unsafe_settings'), 2)
  t.equal(await value('lethe_certificate_expiry_timestamp_seconds'), 1_800_000_001)
  t.equal(await value('lethe_connections_limit'), 1000)
  usedBytes += 2 ** 19
  clock.advance(2 * MINUTE_MS)
  t.equal(await value('lethe_store_memory_bytes'), 5 * 2 ** 20)
  usedBytes -= 2 ** 19
  clock.advance(2 * MINUTE_MS)
  t.equal(await value('lethe_store_memory_bytes'), 5 * 2 ** 20, 'it moves when the truth is a whole step away')
})

test('the process tells when it was started and what its heap may use', async (t) => {
  const { value } = startMetrics(t)
  const ageSeconds = Date.now() / 1000 - ((await value('process_start_time_seconds')) ?? 0)
  t.ok(ageSeconds > 0 && ageSeconds < 600)
  t.equal(await value('nodejs_heap_limit_bytes'), getHeapStatistics().heap_size_limit)
})
