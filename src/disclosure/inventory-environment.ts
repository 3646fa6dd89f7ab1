import type { FieldGroup } from './field.ts'

const FILE_FORM = 'the path of a file with the same'

const SETTINGS: FieldGroup['fields'] = {
  LETHE_HOST: ['where the relay listens', 'it has to listen somewhere'],
  LETHE_PORT: ['where the relay listens', 'it has to listen somewhere'],
  LETHE_ADMIN_HOST: ['where health and metrics are', 'they are not for the public'],
  LETHE_ADMIN_PORT: ['where health and metrics are', 'they are not for the public'],
  LETHE_PUBLIC_ORIGIN: ['the names of the relay', 'signatures are bound to one of them'],
  LETHE_REDIS_URL: ['where Redis is, and a password for it', 'the relay connects to it'],
  LETHE_REDIS_URL_FILE: [FILE_FORM, 'secrets are kept in files'],
  LETHE_REDIS_CA_FILE: ['who vouches for Redis', 'the connection to it is checked'],
  LETHE_REDIS_MIN_REPLICAS: ['how many replicas confirm', 'accepted envelopes survive the loss of a node'],
  LETHE_STORE_SECRET: [
    'with an address, the names of its buckets and what opens them; without an address nothing',
    'copies of Redis are worthless without it',
  ],
  LETHE_STORE_SECRET_FILE: [FILE_FORM, 'secrets are kept in files'],
  LETHE_STORE_SECRETS_READ: ['the same, for what was stored before the secret was replaced', 'a secret is replaced'],
  LETHE_STORE_SECRETS_READ_FILE: [FILE_FORM, 'secrets are kept in files'],
  LETHE_ENVELOPE_BYTES: ['which sizes are taken', 'envelopes of a size look alike'],
  LETHE_MAX_TTL_SECONDS: ['the longest lifetime', 'what is not fetched goes away'],
  LETHE_DEFAULT_TTL_SECONDS: ['the usual lifetime', 'senders need not ask for one'],
  LETHE_BUCKET_BYTES: ['the cap of a bucket', 'a mailbox cannot fill the store'],
  LETHE_MEMORY_STORE_BYTES: ['the cap of the embedded store', 'it cannot fill the memory'],
  LETHE_WINDOW: ['how many envelopes go unacknowledged', 'a reader is not flooded'],
  LETHE_WAKE_BITS: ['how many mailboxes share a channel', 'with many relays each hears less'],
  LETHE_ALLOW_UNSAFE_STORE: ['whether a store is used that keeps what it should forget', 'it can be tried out'],
  LETHE_MAX_CONNECTIONS: ['a limit', 'the machine is not overrun'],
  LETHE_MAX_CHANNELS: ['a limit', 'one connection cannot take all'],
  LETHE_SOCKET_BUFFER_BYTES: ['a limit', 'a slow reader cannot fill the memory'],
  LETHE_OUTGOING_BYTES: ['a limit', 'slow readers together cannot fill the memory'],
  LETHE_MAX_WAIT_MS: ['a limit', 'senders are told at once when there is too much to do'],
  LETHE_ADMISSION: ['whether clients are limited', 'nobody can take all there is'],
  LETHE_CONNECTION_BYTES_PER_SECOND: ['a limit', 'one connection cannot take all'],
  LETHE_PREFIX_BYTES_PER_SECOND: ['a limit', 'one network cannot take all'],
  LETHE_EXEMPT_PREFIXES: ['who is not limited, by address: load testers, this machine', 'relays are tested under load'],
  LETHE_PROXY_PREFIXES: [
    'where the proxies in front are',
    'their word on whom they were asked by counts, that of others does not',
  ],
  LETHE_DRAIN_SECONDS: ['how long a stop may take', 'what was begun is finished'],
  LETHE_TLS_CERT_FILE: ['where the certificate is', 'connections are encrypted'],
  LETHE_TLS_KEY_FILE: ['where its key is', 'connections are encrypted'],
  LETHE_PROXY_CERT_FILE: ["where a proxy's certificate is", 'operators see when it ends'],
  LETHE_OPERATOR_NAME: ['who runs the relay, as stated', 'people know whom they deal with'],
  LETHE_OPERATOR_JURISDICTION: ['whose law holds, as stated', 'people know whom they deal with'],
  LETHE_OPERATOR_CONTACT: ['where to write, as stated', 'people know whom they deal with'],
  LETHE_METRICS_INTERVAL_SECONDS: ['how often published metrics move', 'single messages do not show'],
  LETHE_METRICS_STEP: ['in which steps they move', 'single messages do not show'],
  LETHE_METRICS_EXACT: ['whether they are live and exact instead', 'load tests need it'],
  LETHE_LOG_LEVEL: ['how much of the log is written', 'operators choose'],
}

/** Every variable that the relay reads. None of them is about a person who uses it. */
export const ENVIRONMENT_FIELDS: readonly FieldGroup[] = [
  { place: 'environment', part: 'variable', lives: 'setting', seenBy: ['relay'], fields: SETTINGS },
]
