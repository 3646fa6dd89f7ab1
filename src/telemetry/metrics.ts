import type { Counts } from '../mailbox/counts.ts'
import { ExpiryTally } from './expiry-tally.ts'
import type { RenderedPage } from './exposition.ts'
import { Layout } from './layout.ts'
import { type Gauges, MetricsPage, type PageOptions } from './metrics-page.ts'
import { type LabelValue, METRICS } from './metrics-table.ts'
import { Tally } from './tally.ts'

export { METRICS } from './metrics-table.ts'

export interface MetricsOptions extends PageOptions {
  /** How many envelope sizes the relay takes. */
  readonly sizes: number
  readonly maxConnections: number
  readonly version: { readonly version: string; readonly commit: string | null }
}

/** What this process counts, and the page on which it is published. No label has a value that a user could make. */
export interface Metrics {
  readonly counts: Counts
  socket(endpoint: LabelValue<'openSockets', 'endpoint'>, change: 1 | -1): void
  socketClosed(code: LabelValue<'socketCloses', 'code'>): void
  /** Somebody was refused for asking too much. */
  refused(cause: LabelValue<'refusals', 'cause'>): void
  /** A connection was ended, since there were too many. */
  connectionRefused(): void
  store(state: 'up' | 'down' | 'replaced'): void
  storeFault(fault: LabelValue<'storeFaults', 'fault'>): void
  /** One batch of writes was answered. */
  storeBatch(writes: number, tookMs: number): void
  /** One command that is no write was answered. */
  storeCommand(tookMs: number): void
  /** Publishes for the first time, and from then on at the end of every interval. */
  start(gauges: Gauges): void
  stop(): void
  /** The page as it was published last: the same bytes until the next time. Exact metrics are those of this moment. */
  render(): Promise<RenderedPage>
}

export function createMetrics(options: MetricsOptions): Metrics {
  const { sizes, maxConnections, isExact, step, intervalSeconds, version } = options
  const build = { version: version.version, commit: version.commit ?? 'unknown' }
  const layout = new Layout({ sizes, build })
  const tally = new Tally(layout)
  const expiries = new ExpiryTally()
  tally.set(layout.at('build', build), 1)
  tally.set(layout.at('connectionsLimit', {}), maxConnections)
  tally.set(layout.at('step', {}), isExact ? 0 : step)
  tally.set(layout.at('interval', {}), isExact ? 0 : intervalSeconds)
  const page = new MetricsPage(layout, tally, expiries, options)
  return {
    counts: createCounts(layout, tally, expiries, sizes),
    ...createOthers(layout, tally),
    start: (gauges) => page.start(gauges),
    stop: () => page.stop(),
    render: () => page.render(),
  }
}

function createCounts(layout: Layout, tally: Tally, expiries: ExpiryTally, sizes: number): Counts {
  const bySize = (result: LabelValue<'deposits', 'result'>) =>
    METRICS.deposits.labels.size.slice(0, sizes).map((size) => layout.at('deposits', { result, size }))
  const [accepted, full, unavailable] = [bySize('accepted'), bySize('full'), bySize('unavailable')]
  const delivered = layout.placesOf('delivered', 'way')
  const stalls = layout.placesOf('stalls', 'cause')
  const wakeUps = layout.placesOf('wakeUps', 'reader')
  const acknowledged = layout.at('acknowledged', {})
  const openMailboxes = layout.at('openMailboxes', {})
  const { load } = layout.placesOf('refusals', 'cause')
  return {
    accepted(sizeIndex, classIndex, expiresAt) {
      tally.add(accepted[sizeIndex] as number, 1)
      expiries.accept(classIndex, expiresAt)
    },
    full: (sizeIndex) => tally.add(full[sizeIndex] as number, 1),
    unavailable: (sizeIndex) => tally.add(unavailable[sizeIndex] as number, 1),
    shed(sizeIndex) {
      tally.add(unavailable[sizeIndex] as number, 1)
      tally.add(load, 1)
    },
    pushed: () => tally.add(delivered.pushed, 1),
    read: () => tally.add(delivered.read, 1),
    fetched: () => tally.add(delivered.fetched, 1),
    acknowledged(envelopes, classIndex, expiresAt) {
      tally.add(acknowledged, envelopes)
      expiries.acknowledge(envelopes, classIndex, expiresAt)
    },
    stalled: (cause) => tally.add(stalls[cause], 1),
    openMailbox: (change) => tally.add(openMailboxes, change),
    wakeUp: (isForReader) => tally.add(isForReader ? wakeUps.here : wakeUps.elsewhere, 1),
  }
}

function createOthers(
  layout: Layout,
  tally: Tally,
): Pick<
  Metrics,
  'socket' | 'socketClosed' | 'refused' | 'connectionRefused' | 'store' | 'storeFault' | 'storeBatch' | 'storeCommand'
> {
  const sockets = layout.placesOf('openSockets', 'endpoint')
  const closes = layout.placesOf('socketCloses', 'code')
  const refusals = layout.placesOf('refusals', 'cause')
  const connectionsRefused = layout.at('connectionsRefused', {})
  const faults = layout.placesOf('storeFaults', 'fault')
  const latencies = layout.placesOf('storeLatency', 'operation')
  const up = layout.at('storeUp', {})
  const replaced = layout.at('storeReplaced', {})
  const batchWrites = layout.at('storeBatch', {})
  return {
    socket: (endpoint, change) => tally.add(sockets[endpoint], change),
    socketClosed: (code) => tally.add(closes[code], 1),
    refused: (cause) => tally.add(refusals[cause], 1),
    connectionRefused: () => tally.add(connectionsRefused, 1),
    store(state) {
      tally.set(up, state === 'up' ? 1 : 0)
      if (state === 'replaced') tally.add(replaced, 1)
    },
    storeFault: (fault) => tally.add(faults[fault], 1),
    storeBatch(writes, tookMs) {
      tally.observe(batchWrites, METRICS.storeBatch.bounds, writes)
      tally.observe(latencies.batch, METRICS.storeLatency.bounds, tookMs / 1000)
    },
    storeCommand: (tookMs) => tally.observe(latencies.command, METRICS.storeLatency.bounds, tookMs / 1000),
  }
}
