import { ENVELOPE_HEADER_BYTES } from '../protocol/mailbox-frames.ts'
import { isLoopbackHost } from './origins.ts'
import { type ConfigProblem, createProblem } from './problem.ts'
import { type ConfigKey, type ConfigValues, configSchema } from './schema.ts'
import { hasDuplicates } from './store-secrets.ts'

/** Longest header that a server puts before a WebSocket frame's payload. [RFC6455-5.2] */
const WEBSOCKET_HEADER_BYTES = 10
const EVERY_ADDRESS = ['0.0.0.0', '::']

/** A rule over several variables. It is asked only where all of them were read without a problem. */
interface Check {
  readonly blames: ConfigKey
  readonly reads: readonly ConfigKey[]
  /** What is wrong, to follow the name of the blamed variable, or undefined. */
  find(values: ConfigValues): string | undefined
}

const checks: readonly Check[] = [
  {
    blames: 'adminPort',
    reads: ['host', 'port', 'adminHost', 'adminPort'],
    find: ({ host, port, adminHost, adminPort }) =>
      port !== 0 &&
      port === adminPort &&
      (host === adminHost || EVERY_ADDRESS.some((a) => a === host || a === adminHost))
        ? 'is the port of LETHE_PORT'
        : undefined,
  },
  {
    blames: 'publicOrigins',
    reads: ['host', 'publicOrigins'],
    find: ({ host, publicOrigins }) =>
      publicOrigins.length === 0 && !isLoopbackHost(host)
        ? 'must be set, because LETHE_HOST is not a loopback address and signatures are bound to the public origin'
        : undefined,
  },
  {
    blames: 'redisCaFile',
    reads: ['store', 'redisCaFile'],
    find: ({ store, redisCaFile }) =>
      redisCaFile !== undefined && !(store.kind !== 'memory' && store.tls)
        ? 'is set, but LETHE_REDIS_URL does not use TLS (rediss)'
        : undefined,
  },
  {
    blames: 'redisMinReplicas',
    reads: ['store', 'redisMinReplicas'],
    find: ({ store, redisMinReplicas }) =>
      redisMinReplicas > 0 && store.kind === 'memory'
        ? 'must be 0 without LETHE_REDIS_URL, because the memory store has no replicas'
        : undefined,
  },
  {
    blames: 'storeSecret',
    reads: ['store', 'storeSecret'],
    find: ({ store, storeSecret }) =>
      store.kind !== 'memory' && storeSecret === undefined ? 'must be set, because LETHE_REDIS_URL is' : undefined,
  },
  {
    blames: 'storeSecretsRead',
    reads: ['storeSecret', 'storeSecretsRead'],
    find: ({ storeSecret, storeSecretsRead }) =>
      storeSecret !== undefined && hasDuplicates([storeSecret, ...storeSecretsRead])
        ? 'lists the secret of LETHE_STORE_SECRET'
        : undefined,
  },
  {
    blames: 'defaultTtlSeconds',
    reads: ['maxTtlSeconds', 'defaultTtlSeconds'],
    find: ({ maxTtlSeconds, defaultTtlSeconds }) =>
      defaultTtlSeconds > maxTtlSeconds ? 'is more than LETHE_MAX_TTL_SECONDS' : undefined,
  },
  ...(['bucketBytes', 'memoryStoreBytes'] as const).map((key) => createSizeCheck(key, 0)),
  createSizeCheck('socketBufferBytes', ENVELOPE_HEADER_BYTES + WEBSOCKET_HEADER_BYTES),
  createSizeCheck('outgoingBytes', ENVELOPE_HEADER_BYTES + WEBSOCKET_HEADER_BYTES),
  createPairCheck('tlsCertFile', 'tlsKeyFile'),
  createPairCheck('tlsKeyFile', 'tlsCertFile'),
]

/** What is wrong between variables. Those in `broken` have a problem of their own already. */
export function findConflicts(values: ConfigValues, broken: ReadonlySet<ConfigKey>): ConfigProblem[] {
  return checks.flatMap(({ blames, reads, find }) => {
    if (reads.some((key) => broken.has(key))) return []
    const detail = find(values)
    return detail === undefined ? [] : [createProblem(configSchema[blames], detail)]
  })
}

function createSizeCheck(
  key: 'bucketBytes' | 'memoryStoreBytes' | 'socketBufferBytes' | 'outgoingBytes',
  overheadBytes: number,
): Check {
  return {
    blames: key,
    reads: [key, 'envelopeBytes'],
    find: (values) => {
      const neededBytes = Math.max(...values.envelopeBytes) + overheadBytes
      return values[key] < neededBytes ? `must be at least ${neededBytes} with this LETHE_ENVELOPE_BYTES` : undefined
    },
  }
}

function createPairCheck(key: 'tlsCertFile' | 'tlsKeyFile', other: 'tlsCertFile' | 'tlsKeyFile'): Check {
  return {
    blames: key,
    reads: [key, other],
    find: (values) =>
      values[key] === undefined && values[other] !== undefined
        ? `must be set, because ${configSchema[other].env} is`
        : undefined,
  }
}
