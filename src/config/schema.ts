import { DEFAULT_ENVELOPE_BYTES } from '../protocol/envelope.ts'
import { DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS, TTL_CLASSES } from '../protocol/retention.ts'
import { parseReadableFile } from './files.ts'
import { parseOrigins } from './origins.ts'
import { parsePrefixes } from './prefixes.ts'
import { MASK, type Secret } from './secrets.ts'
import { SERVICE_LINK_DETAIL } from './service-links.ts'
import { MAKE_SECRET_COMMAND, parseStoreSecret, parseStoreSecrets } from './store-secrets.ts'
import { parseStoreTarget, showStoreTarget } from './store-target.ts'
import { InvalidValueError, parseHost, parseOneOf, parseSizes, parseText, parseWholeNumber } from './values.ts'

/** One LETHE_ variable. */
export interface Variable<T> {
  readonly env: `LETHE_${string}`
  /** What the variable takes, to follow "It takes". */
  readonly takes: string
  /** Text that is parsed where the variable is not set; empty text is "none". */
  readonly default: string
  /** Whether the value must never be shown. */
  readonly secret?: true
  /** Whether `<env>_FILE` may name a file that holds the text instead. */
  readonly file?: true
  /** Whether the variable may be set to empty text, which is then "none". Elsewhere that is a slip, not a choice. */
  readonly mayBeEmpty?: true
  /** A further sentence after an error. */
  readonly hint?: string
  /** @throws InvalidValueError */
  parse(text: string): T
  /** The value as text for people, empty for "none"; where absent, plain conversion. */
  show?(value: T): string
}

const PORT_RANGE = { min: 0, max: 65_535, note: '; 0 is any free port' }
const MAX_ENVELOPE_BYTES = 1_000_000
const MAX_BYTES = 2 ** 40
const WAKE_BITS = { 12: 12, 16: 16, 20: 20, 24: 24 } as const
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const
const MIN_TTL_SECONDS = TTL_CLASSES[0]

/**
 * Every variable that the relay reads; whatever else begins with LETHE_ stops the start. The type of the
 * configuration comes from this table.
 */
export const configSchema = {
  host: variable({
    env: 'LETHE_HOST',
    takes: 'the IP address or host name to listen on',
    default: '127.0.0.1',
    parse: parseHost,
  }),
  port: variable({
    ...numberVariable('LETHE_PORT', 8080, PORT_RANGE),
    parse: (text) => {
      if (text.startsWith('tcp://')) throw new InvalidValueError(SERVICE_LINK_DETAIL)
      return parseWholeNumber(text, PORT_RANGE.min, PORT_RANGE.max)
    },
  }),
  adminHost: variable({
    env: 'LETHE_ADMIN_HOST',
    takes: 'the IP address or host name on which health and metrics are served',
    default: '127.0.0.1',
    parse: parseHost,
  }),
  adminPort: numberVariable('LETHE_ADMIN_PORT', 9464, PORT_RANGE),
  publicOrigins: variable({
    env: 'LETHE_PUBLIC_ORIGIN',
    takes: 'one to four origins by which clients reach this relay, such as https://relay.example, separated by commas',
    default: '',
    mayBeEmpty: true,
    parse: parseOrigins,
  }),
  store: variable({
    env: 'LETHE_REDIS_URL',
    takes:
      'redis://[user:password@]host[:port][/database], redis+sentinel://[user:password@]host[:port],…/master or ' +
      'redis+cluster://[user:password@]host[:port],…, each with rediss in place of redis for TLS; ' +
      'leave it out for the embedded memory store',
    default: '',
    file: true,
    parse: parseStoreTarget,
    show: showStoreTarget,
  }),
  redisCaFile: fileVariable('LETHE_REDIS_CA_FILE', 'with the certificates that sign those of Redis, in PEM'),
  redisMinReplicas: numberVariable('LETHE_REDIS_MIN_REPLICAS', 0, {
    min: 0,
    max: 100,
    note: ': how many replicas confirm a write before it is answered',
  }),
  storeSecret: variable({
    env: 'LETHE_STORE_SECRET',
    takes: 'a secret of at least 32 bytes as base64url without padding',
    default: '',
    secret: true,
    file: true,
    hint: `Make one with: ${MAKE_SECRET_COMMAND}`,
    parse: optional(parseStoreSecret),
  }),
  storeSecretsRead: variable({
    env: 'LETHE_STORE_SECRETS_READ',
    takes: 'read-only secrets in the form of LETHE_STORE_SECRET, separated by commas or line ends',
    default: '',
    secret: true,
    file: true,
    mayBeEmpty: true,
    hint: `Make one with: ${MAKE_SECRET_COMMAND}`,
    parse: parseStoreSecrets,
    show: (secrets: readonly Secret<Uint8Array>[]) => (secrets.length === 0 ? '' : `${MASK} (${secrets.length})`),
  }),
  envelopeBytes: variable({
    env: 'LETHE_ENVELOPE_BYTES',
    takes: `one to eight sizes in bytes from 1 to ${MAX_ENVELOPE_BYTES}, ascending, separated by commas`,
    default: DEFAULT_ENVELOPE_BYTES.join(','),
    parse: (text) => parseSizes(text, MAX_ENVELOPE_BYTES),
  }),
  maxTtlSeconds: numberVariable('LETHE_MAX_TTL_SECONDS', MAX_TTL_SECONDS, {
    min: MIN_TTL_SECONDS,
    max: MAX_TTL_SECONDS,
    unit: 'seconds',
  }),
  defaultTtlSeconds: numberVariable('LETHE_DEFAULT_TTL_SECONDS', DEFAULT_TTL_SECONDS, {
    min: MIN_TTL_SECONDS,
    max: MAX_TTL_SECONDS,
    unit: 'seconds',
    note: ', not more than LETHE_MAX_TTL_SECONDS; left out, it is lowered to that',
  }),
  bucketBytes: bytesVariable('LETHE_BUCKET_BYTES', 4_194_304, ', enough for one envelope of the largest size'),
  memoryStoreBytes: bytesVariable(
    'LETHE_MEMORY_STORE_BYTES',
    268_435_456,
    ', enough for one envelope of the largest size',
  ),
  window: numberVariable('LETHE_WINDOW', 32, { min: 1, max: 1024, unit: 'envelopes' }),
  wakeBits: variable({
    env: 'LETHE_WAKE_BITS',
    takes: '12, 16, 20 or 24, the same on all relays of a store',
    default: '12',
    parse: (text) => WAKE_BITS[parseOneOf(text, ['12', '16', '20', '24'])],
  }),
  allowUnsafeStore: booleanVariable('LETHE_ALLOW_UNSAFE_STORE'),
  maxConnections: numberVariable('LETHE_MAX_CONNECTIONS', 10_000, { min: 1, max: 1_000_000, unit: 'connections' }),
  maxChannels: numberVariable('LETHE_MAX_CHANNELS', 256, {
    min: 1,
    max: 65_536,
    unit: 'mailboxes',
    note: ' that one socket may open',
  }),
  socketBufferBytes: bytesVariable(
    'LETHE_SOCKET_BUFFER_BYTES',
    4_000_000,
    ', enough for one frame with an envelope of the largest size',
  ),
  outgoingBytes: bytesVariable(
    'LETHE_OUTGOING_BYTES',
    128_000_000,
    ', enough for one frame with an envelope of the largest size',
  ),
  maxWaitMs: numberVariable('LETHE_MAX_WAIT_MS', 400, { min: 10, max: 60_000, unit: 'milliseconds' }),
  admission: variable({
    env: 'LETHE_ADMISSION',
    takes: 'open or limited',
    default: 'limited',
    parse: (text) => parseOneOf(text, ['open', 'limited']),
  }),
  connectionBytesPerSecond: rateVariable('LETHE_CONNECTION_BYTES_PER_SECOND', 4_000_000),
  prefixBytesPerSecond: rateVariable('LETHE_PREFIX_BYTES_PER_SECOND', 16_000_000),
  exemptPrefixes: prefixesVariable('LETHE_EXEMPT_PREFIXES', '127.0.0.0/8,::1/128', 0),
  proxyPrefixes: prefixesVariable('LETHE_PROXY_PREFIXES', '', 1),
  drainSeconds: numberVariable('LETHE_DRAIN_SECONDS', 20, { min: 0, max: 3600, unit: 'seconds' }),
  tlsCertFile: fileVariable('LETHE_TLS_CERT_FILE', 'with the certificate and its chain, in PEM'),
  tlsKeyFile: fileVariable('LETHE_TLS_KEY_FILE', 'with the private key of that certificate, in PEM'),
  proxyCertFile: fileVariable(
    'LETHE_PROXY_CERT_FILE',
    'with the certificate that a proxy in front shows, in PEM; metrics say when it ends',
  ),
  operatorName: textVariable('LETHE_OPERATOR_NAME'),
  operatorJurisdiction: textVariable('LETHE_OPERATOR_JURISDICTION'),
  operatorContact: textVariable('LETHE_OPERATOR_CONTACT'),
  logLevel: variable({
    env: 'LETHE_LOG_LEVEL',
    takes: `one of ${LOG_LEVELS.join(', ')}`,
    default: 'info',
    parse: (text) => parseOneOf(text, LOG_LEVELS),
  }),
  metricsIntervalSeconds: numberVariable('LETHE_METRICS_INTERVAL_SECONDS', 60, {
    min: 1,
    max: 86_400,
    unit: 'seconds',
  }),
  metricsStep: numberVariable('LETHE_METRICS_STEP', 16, { min: 1, max: 65_536 }),
  metricsExact: booleanVariable('LETHE_METRICS_EXACT'),
} satisfies Record<string, Variable<unknown>>

/** Name of a value in the configuration. */
export type ConfigKey = keyof typeof configSchema

/** The values, each of the type that its parser gives. */
export type ConfigValues = { readonly [K in ConfigKey]: ReturnType<(typeof configSchema)[K]['parse']> }

/** The rows in the order in which they are shown. */
export const configRows = Object.entries(configSchema) as readonly (readonly [ConfigKey, Variable<unknown>])[]

interface NumberRange {
  min: number
  max: number
  unit?: string
  note?: string
}

/** Gives the row back; only here so that its value's type is inferred from `parse`. */
function variable<T>(row: Variable<T>): Variable<T> {
  return row
}

function numberVariable(env: Variable<number>['env'], value: number, range: NumberRange): Variable<number> {
  const { min, max, unit, note = '' } = range
  return {
    env,
    takes: `a whole number ${unit ? `of ${unit} ` : ''}from ${min} to ${max}${note}`,
    default: String(value),
    parse: (text) => parseWholeNumber(text, min, max),
  }
}

function booleanVariable(env: Variable<boolean>['env']): Variable<boolean> {
  return {
    env,
    takes: 'true or false',
    default: 'false',
    parse: (text) => parseOneOf(text, ['true', 'false']) === 'true',
  }
}

function bytesVariable(env: Variable<number>['env'], value: number, note: string): Variable<number> {
  return numberVariable(env, value, { min: 1, max: MAX_BYTES, unit: 'bytes', note })
}

function rateVariable(env: Variable<number>['env'], value: number): Variable<number> {
  return numberVariable(env, value, { min: 1000, max: MAX_BYTES, unit: 'bytes' })
}

function prefixesVariable(env: Variable<string>['env'], value: string, minLength: number): Variable<readonly string[]> {
  return variable({
    env,
    takes: 'address prefixes such as 192.0.2.0/24 or 2001:db8::/32, at most 64, separated by commas',
    default: value,
    mayBeEmpty: true,
    parse: (text) => parsePrefixes(text, minLength),
  })
}

function fileVariable(env: Variable<string>['env'], what: string): Variable<string | undefined> {
  return { env, takes: `the path of a readable file ${what}`, default: '', parse: optional(parseReadableFile) }
}

function textVariable(env: Variable<string>['env']): Variable<string | undefined> {
  return {
    env,
    takes: 'text of at most 200 characters, none of them a control character',
    default: '',
    mayBeEmpty: true,
    parse: parseText,
  }
}

/** A parser that takes empty text for "none". */
function optional<T>(parse: (text: string) => T): (text: string) => T | undefined {
  return (text) => (text === '' ? undefined : parse(text))
}
