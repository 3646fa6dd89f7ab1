import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** How a deposit ended, as a closed set of labels. */
export type DepositResult = 'accepted' | 'full' | 'unavailable'

/** What this instance counts. No label has a value that a user could make. */
export interface Metrics {
  deposit(result: DepositResult): void
  socket(endpoint: 'deposit' | 'mailbox', change: 1 | -1): void
  openMailbox(change: 1 | -1): void
  store(isUp: boolean): void
  storeFault(fault: string): void
  storeBatch(writes: number, tookMs: number): void
  render(): Promise<{ contentType: string; text: string }>
}

export function createMetrics(version: string): Metrics {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  const deposits = new Counter({
    name: 'lethe_deposits_total',
    help: 'Deposits by how they ended',
    labelNames: ['result'],
    registers,
  })
  const sockets = new Gauge({
    name: 'lethe_open_sockets',
    help: 'Open WebSockets by endpoint',
    labelNames: ['endpoint'],
    registers,
  })
  const mailboxes = new Gauge({ name: 'lethe_open_mailboxes', help: 'Open mailboxes', registers })
  const store = new Gauge({ name: 'lethe_store_up', help: 'Whether the store answers', registers })
  const faults = new Counter({
    name: 'lethe_store_faults_total',
    help: 'Faults of the store by kind',
    labelNames: ['fault'],
    registers,
  })
  const batchWrites = new Histogram({
    name: 'lethe_store_batch_writes',
    help: 'Writes sent to Redis in one batch',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers,
  })
  const batchSeconds = new Histogram({
    name: 'lethe_store_batch_seconds',
    help: 'Time until Redis answered a batch',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers,
  })
  new Gauge({ name: 'lethe_build_info', help: 'Version of the software', labelNames: ['version'], registers })
    .labels(version)
    .set(1)
  for (const result of ['accepted', 'full', 'unavailable'] as const) deposits.labels(result).inc(0)
  return {
    deposit: (result) => deposits.labels(result).inc(),
    socket: (endpoint, change) => sockets.labels(endpoint).inc(change),
    openMailbox: (change) => mailboxes.inc(change),
    store: (isUp) => store.set(isUp ? 1 : 0),
    storeFault: (fault) => faults.labels(fault).inc(),
    storeBatch(writes, tookMs) {
      batchWrites.observe(writes)
      batchSeconds.observe(tookMs / 1000)
    },
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}
