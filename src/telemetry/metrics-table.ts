import { CLOSE } from '../protocol/errors.ts'
import { BUILD, type MetricRow } from './metric-row.ts'
import { PROCESS_METRICS } from './process-metrics.ts'

export { BUILD, type MetricRow } from './metric-row.ts'

/** Places in the list of envelope sizes, as far as a relay can have them. [protocol §2] */
const SIZES = ['0', '1', '2', '3', '4', '5', '6', '7'] as const

const CLOSES = [
  ...Object.values(CLOSE).map((code) => `${code}` as const),
  /** Sent by the WebSocket library, for what is no WebSocket frame. */
  '1002',
  'client',
  'lost',
] as const

/**
 * Every metric there is. No label has a value that a user can make, and none tells of a mailbox. Grains of seconds are
 * powers of two, so that their multiples are exact.
 */
export const METRICS = {
  deposits: {
    name: 'lethe_deposits_total',
    type: 'counter',
    help: 'Deposits by how they ended and by the place of their size in LETHE_ENVELOPE_BYTES.',
    unit: 'envelopes',
    labels: { result: ['accepted', 'full', 'unavailable'], size: SIZES },
    grain: 1,
  },
  delivered: {
    name: 'lethe_envelopes_delivered_total',
    type: 'counter',
    help:
      'Envelopes sent to recipients, repetitions included: pushed as they came in, read from the store for a socket, ' +
      'or fetched over HTTP.',
    unit: 'envelopes',
    labels: { way: ['pushed', 'read', 'fetched'] },
    grain: 1,
  },
  acknowledged: {
    name: 'lethe_envelopes_acknowledged_total',
    type: 'counter',
    help: 'Envelopes erased because their recipient acknowledged them.',
    unit: 'envelopes',
    labels: {},
    grain: 1,
  },
  expiredAccepted: {
    name: 'lethe_expired_envelopes_accepted_total',
    type: 'counter',
    help:
      'Envelopes that this process accepted and whose time is up, whatever became of them. Less ' +
      'lethe_expired_envelopes_acknowledged_total, each summed over all relays of a store, an estimate of those that ' +
      'ended unread.',
    unit: 'envelopes',
    labels: {},
    grain: 1,
  },
  expiredAcknowledged: {
    name: 'lethe_expired_envelopes_acknowledged_total',
    type: 'counter',
    help: 'Envelopes that were acknowledged through this process and whose time would be up.',
    unit: 'envelopes',
    labels: {},
    grain: 1,
  },
  stalls: {
    name: 'lethe_delivery_stalls_total',
    type: 'counter',
    help:
      'Times that delivery to an open mailbox stopped before all was sent: its window was full of unacknowledged ' +
      'envelopes, or its socket of unsent bytes, or it had been sent as much as it may (LETHE_ADMISSION).',
    unit: 'stalls',
    labels: { cause: ['window', 'socket'] },
    grain: 1,
  },
  openMailboxes: {
    name: 'lethe_open_mailboxes',
    type: 'gauge',
    help: 'Mailboxes that are open on a socket.',
    unit: 'mailboxes',
    labels: {},
    grain: 1,
  },
  openSockets: {
    name: 'lethe_open_sockets',
    type: 'gauge',
    help: 'Open WebSockets by endpoint.',
    unit: 'sockets',
    labels: { endpoint: ['deposit', 'mailbox'] },
    grain: 1,
  },
  socketCloses: {
    name: 'lethe_socket_closes_total',
    type: 'counter',
    help:
      'WebSockets that ended: by the code that the relay closed them with (4410 is back-pressure), by the client, or ' +
      'lost without a close frame.',
    unit: 'sockets',
    labels: { code: CLOSES },
    grain: 1,
  },
  refusals: {
    name: 'lethe_refusals_total',
    type: 'counter',
    help:
      'Times that somebody was refused for asking too much: more than one connection may, more than one address prefix ' +
      'may (LETHE_ADMISSION), or more than a relay under load could do in time.',
    unit: 'refusals',
    labels: { cause: ['connection', 'prefix', 'load'] },
    grain: 1,
  },
  connectionsLimit: {
    name: 'lethe_connections_limit',
    type: 'gauge',
    help: 'LETHE_MAX_CONNECTIONS: how many connections there may be at once, WebSockets among them.',
    unit: 'connections',
    labels: {},
    grain: 0,
  },
  connectionsRefused: {
    name: 'lethe_connections_refused_total',
    type: 'counter',
    help: 'Connections that were ended since there were LETHE_MAX_CONNECTIONS.',
    unit: 'connections',
    labels: {},
    grain: 1,
  },
  wakeUps: {
    name: 'lethe_wake_ups_total',
    type: 'counter',
    help: 'Wake-ups heard from the store, by whether the mailbox has a reader on this instance.',
    unit: 'wake-ups',
    labels: { reader: ['here', 'elsewhere'] },
    grain: 1,
  },
  storeUp: {
    name: 'lethe_store_up',
    type: 'gauge',
    help: 'Whether the store answers: 1 or 0.',
    unit: '1 or 0',
    labels: {},
    grain: 0,
  },
  ready: {
    name: 'lethe_ready',
    type: 'gauge',
    help: 'Whether it takes traffic, as /readyz says: 1 or 0. 0 while the store does not answer, and while it drains.',
    unit: '1 or 0',
    labels: {},
    grain: 0,
  },
  unsafeSettings: {
    name: 'lethe_store_unsafe_settings',
    type: 'gauge',
    help:
      'Settings of the store that may keep what the relay erases, each counted at each node. The log names them. The ' +
      'store is not used while there are any, unless LETHE_ALLOW_UNSAFE_STORE is true.',
    unit: 'settings',
    labels: {},
    grain: 0,
  },
  storeReplaced: {
    name: 'lethe_store_replaced_total',
    type: 'counter',
    help: 'Times that the store came back as another one, so that what it held may be gone.',
    unit: 'times',
    labels: {},
    grain: 0,
  },
  storeFaults: {
    name: 'lethe_store_faults_total',
    type: 'counter',
    help: 'What the store did not do, by why.',
    unit: 'faults',
    labels: {
      fault: [
        'version',
        'clock',
        'connection',
        'memory',
        'permission',
        'replicas',
        'read-only',
        'unsafe',
        'busy',
        'command',
      ],
    },
    grain: 1,
  },
  storeQueue: {
    name: 'lethe_store_queue_bytes',
    type: 'gauge',
    help: 'Bytes of deposits on their way to the store.',
    unit: 'bytes',
    labels: {},
    grain: 65_536,
  },
  storeMemory: {
    name: 'lethe_store_memory_bytes',
    type: 'gauge',
    help: 'Memory that the store uses, of what counts against its limit; of several nodes, what the fullest uses.',
    unit: 'bytes',
    labels: {},
    grain: 65_536,
  },
  storeMemoryLimit: {
    name: 'lethe_store_memory_limit_bytes',
    type: 'gauge',
    help: 'Memory that the store, or the fullest of its nodes, may use: beyond it deposits are refused.',
    unit: 'bytes',
    labels: {},
    grain: 0,
  },
  storeLatency: {
    name: 'lethe_store_latency_seconds',
    type: 'histogram',
    help: 'Time until Redis answered: a batch of writes, or one command that reads or announces.',
    unit: 'seconds',
    labels: { operation: ['batch', 'command'] },
    bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    grain: 2 ** -10,
  },
  storeBatch: {
    name: 'lethe_store_batch_writes',
    type: 'histogram',
    help: 'Writes that went to Redis in one batch.',
    unit: 'writes',
    labels: {},
    bounds: [1, 2, 4, 8, 16, 32, 64, 128],
    grain: 1,
  },
  ...PROCESS_METRICS,
  certificateExpiry: {
    name: 'lethe_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    help:
      'When the certificate ends that clients are shown, in Unix time: that of LETHE_PROXY_CERT_FILE, otherwise of ' +
      'LETHE_TLS_CERT_FILE. 0 where there is neither.',
    unit: 'seconds',
    labels: {},
    grain: 0,
  },
  build: {
    name: 'lethe_build_info',
    type: 'gauge',
    help: 'Always 1: version and commit of the software.',
    unit: '1',
    labels: { version: BUILD, commit: BUILD },
    grain: 0,
  },
  step: {
    name: 'lethe_metrics_step',
    type: 'gauge',
    help: 'LETHE_METRICS_STEP; 0 with LETHE_METRICS_EXACT, where every value is exact.',
    unit: 'steps of one',
    labels: {},
    grain: 0,
  },
  interval: {
    name: 'lethe_metrics_interval_seconds',
    type: 'gauge',
    help: 'LETHE_METRICS_INTERVAL_SECONDS; 0 with LETHE_METRICS_EXACT, where every value is live.',
    unit: 'seconds',
    labels: {},
    grain: 0,
  },
} as const satisfies Record<string, MetricRow>

/** Name of a row. */
export type MetricKey = keyof typeof METRICS

type Labels<K extends MetricKey> = (typeof METRICS)[K]['labels']

/** Names of a metric's labels. */
export type LabelNames<K extends MetricKey> = keyof Labels<K> & string

/** A value of one label. */
export type LabelValue<
  K extends MetricKey,
  L extends keyof Labels<K>,
> = Labels<K>[L] extends readonly (infer Value extends string)[] ? Value : string

/** One value for each label of a metric. */
export type LabelValues<K extends MetricKey> = { readonly [L in keyof Labels<K>]: LabelValue<K, L> }

/** The rows in the order in which they are shown. */
export const metricRows = Object.entries(METRICS) as readonly (readonly [MetricKey, MetricRow])[]
