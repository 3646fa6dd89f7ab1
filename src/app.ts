import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { LimitedAdmission } from './admission/limited-admission.ts'
import type { Config } from './config/config.ts'
import { loopbackOrigins } from './config/origins.ts'
import { StoreGuard, UnsafeStoreError } from './disclosure/store-guard.ts'
import { summarizeInventory } from './disclosure/summary.ts'
import { ownCertificate, proxyCertificate, type ShownCertificate } from './http/certificate.ts'
import { addDepositRoutes } from './http/deposit-routes.ts'
import { createAdminServer } from './http/health-routes.ts'
import { addInfoRoutes } from './http/info-routes.ts'
import { addMailboxRoutes } from './http/mailbox-routes.ts'
import { createHttpServer } from './http/server.ts'
import { isUsable, readTls, type TlsContext, type TlsFiles, watchTls } from './http/tls.ts'
import { type Admission, OPEN_ADMISSION } from './mailbox/admission.ts'
import { Depositor } from './mailbox/deposit.ts'
import { Intake } from './mailbox/intake.ts'
import type { MailboxStore } from './mailbox/mailbox-store.ts'
import { OpenMailboxes } from './mailbox/open-mailboxes.ts'
import type { RelayPolicy } from './mailbox/policy.ts'
import type { Clock, RandomSource } from './mailbox/ports.ts'
import { OriginProofs } from './mailbox/proof.ts'
import { SignedMailbox } from './mailbox/signed-mailbox.ts'
import type { StoreSecrets } from './mailbox/store-secrets.ts'
import { createSystemRandom, systemClock } from './mailbox/system-ports.ts'
import { renderPage } from './page/page.ts'
import type { RelayInfo } from './page/relay-info.ts'
import { DEPOSIT_HEADER_BYTES } from './protocol/deposit-frames.ts'
import { ENVELOPE_HEADER_BYTES } from './protocol/mailbox-frames.ts'
import { TTL_CLASSES } from './protocol/retention.ts'
import { createMemoryStore } from './store/memory/mailbox-store.ts'
import type { StoreFault } from './store/redis/faults.ts'
import { RedisMailboxStore } from './store/redis/mailbox-store.ts'
import type { Events } from './telemetry/events.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import { readVersion } from './version.ts'
import { OutgoingBudget } from './ws/outgoing-budget.ts'
import { registerWebSockets } from './ws/plugin.ts'
import { SocketRoutes } from './ws/socket-routes.ts'

/** What a caller may put in place of the real thing. */
export interface RelayParts {
  readonly events: Events
  readonly store?: MailboxStore
  readonly clock?: Clock
  readonly random?: RandomSource
}

/** A relay that listens. */
export interface Relay {
  readonly port: number
  readonly adminPort: number
  readonly publicOrigins: readonly string[]
  /**
   * Stops taking work, answers what was sent, sends every client elsewhere and closes; what is left after
   * `drainSeconds` is cut off.
   */
  drain(): Promise<void>
}

/** A relay cannot start as it is configured; the message says why, to its operator. */
export class StartError extends Error {}

const TOO_OLD = 'LETHE_REDIS_URL: this Redis is too old; Lethe needs Redis 7.0 or later, on every node'
const NO_CERTIFICATE = 'LETHE_TLS_CERT_FILE, LETHE_TLS_KEY_FILE: they are no certificate and its private key in PEM'
const NO_PROXY_CERTIFICATE = 'LETHE_PROXY_CERT_FILE: it holds no certificate in PEM'
const NO_AUTHORITY = 'LETHE_REDIS_CA_FILE: it holds no certificate in PEM'

/** How long the store is waited for before a relay listens without it. */
const FIRST_CONTACT_MS = 3000
/** How long after one node was refused the others are waited for, so that all faults are told at once. */
const OTHER_NODES_MS = 300

/**
 * Puts the rooms together and listens. Rejects if a port cannot be had or a file cannot be read.
 * @throws UnsafeStoreError for a store whose settings keep what it should forget, unless that is allowed
 * @throws StartError for a Redis before 7.0, and for files that do not hold what they should
 */
export async function startRelay(config: Config, parts: RelayParts): Promise<Relay> {
  const { events, clock = systemClock, random = createSystemRandom() } = parts
  const metrics = metricsOf(config, clock)
  const { counts } = metrics
  const [whenRefused, markRefused] = signal()
  const guard = createGuard(config, events, markRefused)
  let isTooOld = false
  const onFault = (fault: StoreFault) => {
    events.storeFault(fault)
    metrics.storeFault(fault)
    if (fault !== 'version') return
    isTooOld = true
    markRefused()
  }
  const store = parts.store ?? createStore(config, guard, onFault, metrics, clock)
  const policy = policyOf(config)
  const secrets = secretsOf(config, random)
  const [whenUp, markUp] = signal()
  const openMailboxes = new OpenMailboxes(clock, counts, (state) => {
    tellStore(state, events, metrics)
    if (state === 'up') markUp()
  })
  const proofs = new OriginProofs()
  const intake = new Intake({ maxWaitMs: config.maxWaitMs, clock })
  const depositor = new Depositor({ store, secrets, openMailboxes, policy, random, counts, intake })
  const largestFrameBytes = ENVELOPE_HEADER_BYTES + Math.max(...policy.envelopeBytes)
  const outgoingBudget = new OutgoingBudget(config.outgoingBytes, largestFrameBytes)
  const answering = { store, secrets, proofs, openMailboxes, policy, clock, random, counts }
  const signedMailbox = new SignedMailbox({ ...answering, answerRoom: outgoingBudget })
  const tlsFiles = tlsFilesOf(config)
  const tls = tlsFiles && (await readTls(tlsFiles))
  if (tls && !isUsable(tls)) throw new StartError(NO_CERTIFICATE)
  const certificate = certificateOf(config, tls)

  const admission = admissionOf(config, metrics, clock, random)
  let isDraining = false
  let publicOrigins = config.publicOrigins
  const app = createHttpServer({
    tls,
    maxConnections: config.maxConnections,
    admission,
    isDraining: () => isDraining,
    onConnectionRefused: metrics.connectionRefused,
    onInternalError: events.internalError,
  })
  const maxFrameBytes = DEPOSIT_HEADER_BYTES + Math.max(...policy.envelopeBytes)
  await registerWebSockets(app, maxFrameBytes)
  addDepositRoutes(app, depositor, policy)
  addMailboxRoutes(app, signedMailbox, outgoingBudget)
  addInfoRoutes(app, {
    json: () => JSON.stringify(infoOf(config, publicOrigins, guard)),
    html: () => renderPage(infoOf(config, publicOrigins, guard)),
  })
  const sockets = new SocketRoutes(app, {
    ...answering,
    admission,
    depositor,
    maxFrameBytes,
    socketBufferBytes: config.socketBufferBytes,
    outgoingBudget,
    countSocket: metrics.socket,
    countClose: metrics.socketClosed,
  })
  const isReady = () => store.isReady() && !isDraining
  const admin = createAdminServer({ isReady, metrics: metrics.render })

  await store.start(openMailboxes)
  await soonest([whenUp, whenRefused.then(() => setTimeout(OTHER_NODES_MS))], FIRST_CONTACT_MS)
  if (guard.isRefusing || isTooOld) {
    openMailboxes.close()
    await store.close()
    throw isTooOld ? new StartError(TOO_OLD) : new UnsafeStoreError(guard.faults)
  }
  if (!store.isReady()) events.storeDown()
  metrics.start({
    storeQueueBytes: () => intake.bytes,
    storeMemory: () => store.memory(),
    isReady,
    unsafeSettings: () => guard.faults.length,
    certificateExpiry: certificate.end,
  })
  const port = await listen(app, config.host, config.port)
  if (publicOrigins.length === 0) publicOrigins = loopbackOrigins(port, tls !== undefined)
  proofs.accept(publicOrigins)
  const adminPort = await listen(admin, config.adminHost, config.adminPort)
  const unwatchTls =
    tlsFiles && tls ? watchTls(tlsFiles, tls, app.server as unknown as Server, tellTls(events, certificate)) : () => {}
  events.listening({
    port,
    adminPort,
    store: config.store.kind,
    tls: tls !== undefined,
    metricsExact: config.metricsExact,
    ...readVersion(),
  })

  const drain = async () => {
    if (isDraining) return
    isDraining = true
    unwatchTls()
    certificate.stop()
    sockets.drain()
    signedMailbox.drain()
    const cutOff = clock.after(config.drainSeconds * 1000, () => app.server.closeAllConnections())
    await app.close()
    cutOff()
    sockets.stop()
    openMailboxes.close()
    await store.close()
    await admin.close()
    admission.stop()
    metrics.stop()
  }
  return { port, adminPort, publicOrigins, drain }
}

function signal(): [Promise<void>, () => void] {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return [given, give]
}

/** Resolves when one of them has, or the time is up. */
async function soonest(moments: readonly Promise<void>[], timeoutMs: number): Promise<void> {
  const patience = new AbortController()
  await Promise.race([...moments, setTimeout(timeoutMs, undefined, { signal: patience.signal }).catch(() => {})])
  patience.abort()
}

function createGuard({ allowUnsafeStore }: Config, events: Events, onRefused: () => void): StoreGuard {
  return new StoreGuard({
    isAllowed: allowUnsafeStore,
    onChange: (unsafeBy) => {
      events.unsafeStore(unsafeBy, allowUnsafeStore)
      if (unsafeBy.length > 0 && !allowUnsafeStore) onRefused()
    },
  })
}

function createStore(
  config: Config,
  guard: StoreGuard,
  onFault: (fault: StoreFault) => void,
  metrics: Metrics,
  clock: Clock,
): MailboxStore {
  if (config.store.kind === 'memory') return createMemoryStore({ clock, capacityBytes: config.memoryStoreBytes })
  return new RedisMailboxStore({
    target: config.store,
    ca: config.redisCaFile === undefined ? undefined : readAuthorities(config.redisCaFile),
    minReplicas: config.redisMinReplicas,
    wakeBits: config.wakeBits,
    guard,
    onFault,
    onBatch: metrics.storeBatch,
    onCommand: metrics.storeCommand,
  })
}

// Node takes a text without any for no authority at all.
function readAuthorities(file: string): string {
  const pem = readFileSync(file, 'utf8')
  try {
    new X509Certificate(pem)
    return pem
  } catch {
    throw new StartError(NO_AUTHORITY)
  }
}

function metricsOf(config: Config, clock: Clock): Metrics {
  return createMetrics({
    sizes: config.envelopeBytes.length,
    maxConnections: config.maxConnections,
    isExact: config.metricsExact,
    intervalSeconds: config.metricsIntervalSeconds,
    step: config.metricsStep,
    version: readVersion(),
    clock,
  })
}

function admissionOf(config: Config, metrics: Metrics, clock: Clock, random: RandomSource): Admission {
  if (config.admission === 'open') return OPEN_ADMISSION
  return new LimitedAdmission({
    connectionBytesPerSecond: config.connectionBytesPerSecond,
    prefixBytesPerSecond: config.prefixBytesPerSecond,
    exempt: config.exemptPrefixes,
    proxies: config.proxyPrefixes,
    clock,
    random,
    onLimited: metrics.refused,
  })
}

function policyOf(config: Config): RelayPolicy {
  const { envelopeBytes, defaultTtlSeconds, maxTtlSeconds, bucketBytes, window, maxChannels } = config
  return { envelopeBytes, defaultTtlSeconds, maxTtlSeconds, bucketBytes, window, maxChannels }
}

// What the memory store holds dies with the process, and so may the secret it is sealed with.
function secretsOf({ storeSecret, storeSecretsRead }: Config, random: RandomSource): StoreSecrets {
  return {
    live: storeSecret?.reveal() ?? random.bytes(32),
    readOnly: storeSecretsRead.map((secret) => secret.reveal()),
  }
}

function tlsFilesOf({ tlsCertFile, tlsKeyFile }: Config): TlsFiles | undefined {
  return tlsCertFile !== undefined && tlsKeyFile !== undefined
    ? { certFile: tlsCertFile, keyFile: tlsKeyFile }
    : undefined
}

function infoOf(config: Config, publicOrigins: readonly string[], { usedUnsafeBy }: StoreGuard): RelayInfo {
  return {
    protocol: 'lethe.v1',
    publicOrigins,
    envelopeBytes: config.envelopeBytes,
    ttlClasses: TTL_CLASSES,
    defaultTtl: config.defaultTtlSeconds,
    maxTtl: config.maxTtlSeconds,
    window: config.window,
    bucketBytes: config.bucketBytes,
    maxChannels: config.maxChannels,
    metricsExact: config.metricsExact,
    metricsInterval: config.metricsIntervalSeconds,
    metricsStep: config.metricsStep,
    admission: config.admission,
    ohttpKeys: null,
    unsafeStore: usedUnsafeBy,
    operator: {
      name: config.operatorName ?? null,
      jurisdiction: config.operatorJurisdiction ?? null,
      contact: config.operatorContact ?? null,
    },
    software: { name: 'lethe', ...readVersion() },
    data: summarizeInventory(),
  }
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  await app.listen({ host, port })
  return (app.server.address() as AddressInfo).port
}

function tellStore(state: 'up' | 'down' | 'replaced', events: Events, metrics: Metrics): void {
  if (state === 'up') events.storeUp()
  else if (state === 'down') events.storeDown()
  else events.storeReplaced()
  metrics.store(state)
}

function certificateOf({ proxyCertFile }: Config, tls: TlsContext | undefined): ShownCertificate {
  if (proxyCertFile === undefined) return ownCertificate(tls?.cert)
  try {
    return proxyCertificate(proxyCertFile)
  } catch {
    throw new StartError(NO_PROXY_CERTIFICATE)
  }
}

function tellTls(events: Events, certificate: ShownCertificate): (isUsed: boolean, context: TlsContext) => void {
  return (isUsed, context) => {
    if (isUsed) certificate.renewed(context.cert)
    if (isUsed) events.certificateReloaded()
    else events.certificateNotReloaded()
  }
}
