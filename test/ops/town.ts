import { fileURLToPath } from 'node:url'
import { METRICS } from '../../src/telemetry/metrics.ts'
import { parseMetricsPage } from '../_util/metrics-page.ts'
import { findFreePort } from '../_util/ports.ts'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import type { Test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { terminateAll } from '../conformance/socket.ts'
import { createStoreSecret, type Env } from '../conformance/stores.ts'
import { CertificateFolder, makeCertificate, makeFolder } from '../integration/tls-setup.ts'
import { buildOtherVersion } from './other-version.ts'
import { type Prometheus, startPrometheus } from './prometheus.ts'

const HEAP_LEAK = fileURLToPath(new URL('./heap-leak.js', import.meta.url))

/** Connections that the relay `small` may have. */
export const SMALL_CONNECTIONS = 38
/** Envelopes of 4,000 bytes that a mailbox of the relay `second` may hold. */
export const SECOND_BUCKET_ENVELOPES = 16
/** Alerts that fire from the start, by how the relays are set up. */
export const STANDING_ALERTS = [
  'LetheCertificateEnds',
  'LetheHeapNearLimit',
  'LetheMetricsExact',
  'LetheVersionsDiffer',
]

/** Relays on one Redis, and a Prometheus that asks them all. */
export interface Town {
  readonly redis: RedisServer
  readonly prometheus: Prometheus
  /** With plenty of everything. */
  readonly first: Relay
  /** With small mailboxes; another process after `restartSecond`. */
  second(): Relay
  /** Another one in its place, on the same admin port, after a crash. */
  restartSecond(): Promise<void>
  /** With few connections, exact metrics, and a leak in its heap. */
  readonly small: Relay
  /** Another version, with a certificate that ends in two days. */
  readonly other: Relay
}

/** How much of its heap a relay with exact metrics uses. */
async function heapShare({ adminUrl }: Relay): Promise<number> {
  const page = parseMetricsPage(await (await fetch(`${adminUrl}/metrics`)).text())
  return (page.get(METRICS.heap.name) ?? 0) / (page.get(METRICS.heapLimit.name) ?? 1)
}

/** Starts it all; it ends with the test. */
export async function startTown(t: Test): Promise<Town> {
  const redis = await startRedis({ args: ['--maxmemory', '24mb'] })
  t.teardown(() => redis.stop())
  const store = { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() }
  const start = async (env: Env, nodeOptions: string[] = [], program?: string) => {
    const relay = await startRelay({ ...store, LETHE_METRICS_INTERVAL_SECONDS: '1', ...env }, nodeOptions, program)
    t.teardown(() => relay.kill())
    return relay
  }
  const folder = await makeFolder(t)
  const certificate = new CertificateFolder(folder)
  await certificate.put(await makeCertificate(folder, 'relay'))
  const secondEnv = { LETHE_ADMIN_PORT: String(await findFreePort()), LETHE_BUCKET_BYTES: '64000' }
  const smallEnv = { LETHE_MAX_CONNECTIONS: String(SMALL_CONNECTIONS), LETHE_METRICS_EXACT: 'true' }
  const leaking = ['--max-old-space-size=192', '--max-semi-space-size=1', '--import', HEAP_LEAK]
  let [first, second, small, other] = await Promise.all([
    start({ LETHE_DRAIN_SECONDS: '60' }),
    start(secondEnv),
    start(smallEnv, leaking),
    start(certificate.env, [], buildOtherVersion(t)),
  ])
  t.teardown(terminateAll)
  await eventually(async () => (await heapShare(small)) > 0.86, { timeoutMs: 20_000, intervalMs: 200 })
  const targets = [first, second, small, other].map(({ adminUrl }) => new URL(adminUrl).host)
  const prometheus = await startPrometheus(t, targets)
  const isSeen = async () => (await prometheus.query('sum(up)'))[0]?.value === targets.length
  await eventually(isSeen, { timeoutMs: 30_000, intervalMs: 200 })
  return {
    redis,
    prometheus,
    first,
    second: () => second,
    small,
    other,
    async restartSecond() {
      await second.kill()
      second = await start(secondEnv)
    },
  }
}
