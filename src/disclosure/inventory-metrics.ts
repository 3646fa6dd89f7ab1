import type { FieldGroup } from './field.ts'

type Texts = FieldGroup['fields'][string]

const STEP = 'to a step that hides single ones'
const LOAD = 'operators see load'
const FAULTS = 'operators see faults'
const LIMIT = 'operators see how near the limit is'
const SIZE: Texts = ['which place in the list of envelope sizes', 'sizes cost differently']

/** Each metric: what its value tells and why it is needed, and the same of each label. Over all mailboxes together. */
const METRIC_FIELDS: Readonly<Record<string, FieldGroup['fields']>> = {
  lethe_deposits_total: {
    value: [`how many envelopes came, ${STEP}`, LOAD],
    'label result': ['accepted, full or unavailable', FAULTS],
    'label size': SIZE,
  },
  lethe_envelopes_delivered_total: {
    value: [`how many envelopes were sent to recipients, ${STEP}`, LOAD],
    'label way': ['pushed, read or fetched', 'operators see which way is used'],
  },
  lethe_envelopes_acknowledged_total: { value: [`how many were acknowledged, ${STEP}`, LOAD] },
  lethe_expired_envelopes_accepted_total: {
    value: [`how many envelopes have come to the end of their time, ${STEP}`, 'what ends unread is estimated with it'],
  },
  lethe_expired_envelopes_acknowledged_total: {
    value: [`how many of those had been acknowledged, ${STEP}`, 'what ends unread is estimated with it'],
  },
  lethe_delivery_stalls_total: {
    value: [`how often a reader was too slow, ${STEP}`, LOAD],
    'label cause': ['window or socket', 'operators set the one or the other'],
  },
  lethe_open_mailboxes: { value: [`how many mailboxes are open, ${STEP}`, LOAD] },
  lethe_open_sockets: {
    value: [`how many connections are open, ${STEP}`, LOAD],
    'label endpoint': ['deposit or mailbox', 'they cost differently'],
  },
  lethe_socket_closes_total: {
    value: [`how many connections ended, ${STEP}`, FAULTS],
    'label code': ['why, as one of a few codes', FAULTS],
  },
  lethe_refusals_total: {
    value: [`how often somebody was refused for asking too much, ${STEP}`, LOAD],
    'label cause': ['connection, prefix or load: never whose', 'operators set the limits by it'],
  },
  lethe_connections_limit: { value: ['the value of LETHE_MAX_CONNECTIONS', LIMIT] },
  lethe_connections_refused_total: { value: [`how many connections were too many, ${STEP}`, LIMIT] },
  lethe_wake_ups_total: {
    value: [`how many wake-ups were heard, ${STEP}`, LOAD],
    'label reader': ['here or elsewhere', 'operators choose LETHE_WAKE_BITS by it'],
  },
  lethe_store_up: { value: ['whether the store answers', FAULTS] },
  lethe_ready: { value: ['whether it takes traffic', FAULTS] },
  lethe_store_unsafe_settings: { value: ['how many settings of the store may keep what is erased', FAULTS] },
  lethe_store_replaced_total: { value: ['how often the store came back as another one', FAULTS] },
  lethe_store_faults_total: {
    value: [`how often the store failed, ${STEP}`, FAULTS],
    'label fault': ['why, as one of a few words', FAULTS],
  },
  lethe_store_queue_bytes: { value: ['how much is on its way to the store, in steps of a megabyte', LOAD] },
  lethe_store_memory_bytes: { value: ['how much the store holds, in steps of a megabyte', LIMIT] },
  lethe_store_memory_limit_bytes: { value: ['how much the store may hold', LIMIT] },
  lethe_store_latency_seconds: {
    value: [`how long the store took, ${STEP}`, LOAD],
    'label operation': ['batch or command', 'they take different times'],
  },
  lethe_store_batch_writes: { value: [`how many writes went out together, ${STEP}`, LOAD] },
  lethe_event_loop_delay_seconds: {
    value: ['how busy the process is, in coarse steps', LOAD],
    'label statistic': ['mean, p50, p99 or max', LOAD],
  },
  process_start_time_seconds: { value: ['when the process was started', 'operators see restarts'] },
  process_cpu_seconds_total: { value: ['how busy the process is, in coarse steps', LOAD] },
  process_resident_memory_bytes: { value: ['how much memory it uses, in coarse steps', LOAD] },
  nodejs_heap_used_bytes: { value: ['how much memory it uses, in coarse steps', LOAD] },
  nodejs_heap_limit_bytes: { value: ['how much memory it may use', LIMIT] },
  nodejs_gc_seconds_total: {
    value: ['how long it cleaned up its memory, in coarse steps', LOAD],
    'label kind': ['kind of cleaning', LOAD],
  },
  lethe_certificate_expiry_timestamp_seconds: { value: ['when the certificate ends, which all clients see', FAULTS] },
  lethe_build_info: {
    value: ['nothing: always 1', 'it carries its labels'],
    'label version': ['version of the software', 'operators see what runs'],
    'label commit': ['commit of the software', 'operators see what runs'],
  },
  lethe_metrics_step: { value: ['how coarse the steps are', 'whoever reads the metrics knows what they mean'] },
  lethe_metrics_interval_seconds: {
    value: ['how often values move', 'whoever reads the metrics knows what they mean'],
  },
}

/** What is counted, and served on the admin listener. */
export const METRICS_FIELDS: readonly FieldGroup[] = Object.entries(METRIC_FIELDS).map(([part, fields]) => ({
  place: 'metric',
  part,
  lives: 'scrape',
  seenBy: ['metrics'],
  fields,
}))
