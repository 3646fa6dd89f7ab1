import { METRICS } from '../../src/telemetry/metrics.ts'
import { test } from '../_util/tap.ts'
import { START_MS, startMetrics } from './metrics-bench.ts'

const EXPIRES_AT = START_MS / 1000 + 86_400

test('each thing that is told moves its own number, by one, and no other', async (t) => {
  const bench = startMetrics(t, { isExact: true })
  const { counts } = bench
  const cases: [string, () => void][] = [
    ['lethe_deposits_total{result="accepted",size="0"}', () => counts.accepted(0, 3, EXPIRES_AT)],
    ['lethe_deposits_total{result="accepted",size="1"}', () => counts.accepted(1, 3, EXPIRES_AT)],
    ['lethe_deposits_total{result="full",size="0"}', () => counts.full(0)],
    ['lethe_deposits_total{result="full",size="1"}', () => counts.full(1)],
    ['lethe_deposits_total{result="unavailable",size="0"}', () => counts.unavailable(0)],
    ['lethe_deposits_total{result="unavailable",size="1"}', () => counts.unavailable(1)],
    ['lethe_envelopes_delivered_total{way="pushed"}', () => counts.pushed()],
    ['lethe_envelopes_delivered_total{way="read"}', () => counts.read()],
    ['lethe_envelopes_delivered_total{way="fetched"}', () => counts.fetched()],
    ['lethe_envelopes_acknowledged_total', () => counts.acknowledged(1, 3, EXPIRES_AT)],
    ['lethe_delivery_stalls_total{cause="window"}', () => counts.stalled('window')],
    ['lethe_delivery_stalls_total{cause="socket"}', () => counts.stalled('socket')],
    ['lethe_open_mailboxes', () => counts.openMailbox(1)],
    ['lethe_wake_ups_total{reader="here"}', () => counts.wakeUp(true)],
    ['lethe_wake_ups_total{reader="elsewhere"}', () => counts.wakeUp(false)],
    ['lethe_connections_refused_total', () => bench.connectionRefused()],
    ['lethe_store_up', () => bench.store('up')],
    ...METRICS.openSockets.labels.endpoint.map((endpoint): [string, () => void] => [
      `lethe_open_sockets{endpoint="${endpoint}"}`,
      () => bench.socket(endpoint, 1),
    ]),
    ...METRICS.socketCloses.labels.code.map((code): [string, () => void] => [
      `lethe_socket_closes_total{code="${code}"}`,
      () => bench.socketClosed(code),
    ]),
    ...METRICS.storeFaults.labels.fault.map((fault): [string, () => void] => [
      `lethe_store_faults_total{fault="${fault}"}`,
      () => bench.storeFault(fault),
    ]),
  ]
  for (const [sample, tell] of cases) {
    const before = await counted()
    tell()
    const after = await counted()
    const moved = [...after].filter(([name, value]) => value !== before.get(name))
    t.strictSame(moved, [[sample, (before.get(sample) ?? Number.NaN) + 1]], sample)
  }

  /** All but what the process itself moves at any time. */
  async function counted(): Promise<Map<string, number>> {
    const samples = [...(await bench.samples())]
    return new Map(samples.filter(([name]) => !/^(process|nodejs|lethe_event_loop)_/.test(name)))
  }
})

test('what closes goes down again', async (t) => {
  const { counts, socket, value } = startMetrics(t, { isExact: true })
  counts.openMailbox(1)
  counts.openMailbox(1)
  counts.openMailbox(-1)
  socket('mailbox', 1)
  socket('mailbox', -1)
  t.equal(await value('lethe_open_mailboxes'), 1)
  t.equal(await value('lethe_open_sockets{endpoint="mailbox"}'), 0)
})

test('batches and latencies fall into the buckets of their size', async (t) => {
  const { storeBatch, storeCommand, value } = startMetrics(t, { isExact: true })
  for (const [writes, tookMs] of [
    [1, 0.5],
    [2, 0.6],
    [128, 5000],
    [129, 5001],
  ] as const) {
    storeBatch(writes, tookMs)
  }
  storeCommand(1)
  const buckets = async (name: string, les: readonly string[]) =>
    Promise.all(les.map((le) => value(name.replace('LE', `le="${le}"`))))
  t.strictSame(await buckets('lethe_store_batch_writes_bucket{LE}', ['1', '2', '64', '128', '+Inf']), [1, 2, 2, 3, 4])
  t.equal(await value('lethe_store_batch_writes_sum'), 260)
  t.equal(await value('lethe_store_batch_writes_count'), 4)
  const batch = 'lethe_store_latency_seconds_bucket{operation="batch",LE}'
  t.strictSame(await buckets(batch, ['0.0005', '0.001', '1', '5', '+Inf']), [1, 2, 2, 3, 4])
  const command = 'lethe_store_latency_seconds_bucket{operation="command",LE}'
  t.strictSame(await buckets(command, ['0.0005', '0.001', '+Inf']), [0, 1, 1])
})

test('the process tells what it takes', async (t) => {
  const { value } = startMetrics(t, { isExact: true })
  const busyUntil = process.cpuUsage().user + 50_000
  while (process.cpuUsage().user < busyUntil) Math.sqrt(2)
  const seconds = (await value('process_cpu_seconds_total')) ?? 0
  const { user, system } = process.cpuUsage()
  t.ok(seconds >= busyUntil / 1e6 && seconds <= (user + system) / 1e6, `${seconds} s of CPU time`)
  const heapBytes = (await value('nodejs_heap_used_bytes')) ?? 0
  const residentBytes = (await value('process_resident_memory_bytes')) ?? 0
  t.ok(heapBytes > 1e6 && residentBytes > heapBytes, `${heapBytes} of ${residentBytes} bytes`)
})
