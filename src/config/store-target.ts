import { MASK, Secret } from './secrets.ts'
import { InvalidValueError, parseHost, parseWholeNumber } from './values.ts'

interface RedisHost {
  /** Host name or IP address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

interface RedisAccess {
  readonly hosts: readonly RedisHost[]
  readonly tls: boolean
  /** Absent for Redis's default user. */
  readonly username?: string
  readonly password?: Secret<string>
}

/** One Redis node; `hosts` has exactly one entry. */
interface RedisNodeTarget extends RedisAccess {
  readonly kind: 'node'
  readonly db: number
}

/** Sentinels to ask for the master of that name. */
interface RedisSentinelTarget extends RedisAccess {
  readonly kind: 'sentinel'
  readonly masterName: string
}

/** Some nodes of a Redis Cluster. */
interface RedisClusterTarget extends RedisAccess {
  readonly kind: 'cluster'
}

/** Where envelopes are kept. */
export type StoreTarget = { readonly kind: 'memory' } | RedisNodeTarget | RedisSentinelTarget | RedisClusterTarget

type RedisKind = Exclude<StoreTarget['kind'], 'memory'>

const SCHEME_SUFFIX = { node: '', sentinel: '+sentinel', cluster: '+cluster' } as const
const DEFAULT_PORT = { node: 6379, sentinel: 26_379, cluster: 6379 } as const
const REDIS_URL = /^(rediss?)(\+sentinel|\+cluster)?:\/\/([^/?#]*)(?:\/([^/?#]*))?$/i
const PRINTABLE_ASCII = /^[\x21-\x7e]+$/
const HOST_AND_PORT = /^(?:\[([^\]]*)\]|([^:]*))(?::([0-9]*))?$/
const MASTER_NAME = /^[A-Za-z0-9._-]{1,200}$/
const MAX_DATABASE = 2_147_483_647

/** Text of LETHE_REDIS_URL; empty text is the embedded memory store. @throws InvalidValueError, which never echoes it */
export function parseStoreTarget(text: string): StoreTarget {
  if (text === '') return { kind: 'memory' }
  const [, scheme, suffix, authority, path = ''] = (PRINTABLE_ASCII.test(text) && REDIS_URL.exec(text)) || []
  if (scheme === undefined || authority === undefined) throw new InvalidValueError('has none of these forms')
  const kind: RedisKind = suffix === undefined ? 'node' : suffix.toLowerCase() === '+sentinel' ? 'sentinel' : 'cluster'
  const at = authority.lastIndexOf('@')
  const access = {
    hosts: authority
      .slice(at + 1)
      .split(',')
      .map((item) => parseRedisHost(item, DEFAULT_PORT[kind])),
    tls: scheme.toLowerCase() === 'rediss',
    ...(at >= 0 && parseCredentials(authority.slice(0, at))),
  }
  switch (kind) {
    case 'node':
      if (access.hosts.length > 1)
        throw new InvalidValueError('lists several hosts but is neither Sentinel nor Cluster')
      return { kind, ...access, db: path === '' ? 0 : parseDatabase(path) }
    case 'sentinel':
      if (!MASTER_NAME.test(path)) throw new InvalidValueError('does not end with the name of a master')
      return { kind, ...access, masterName: path }
    case 'cluster':
      if (path !== '') throw new InvalidValueError('names a database, which Redis Cluster does not have')
      return { kind, ...access }
    default:
      return kind satisfies never
  }
}

/** The target as a URL with every port written out and the password masked; empty text for the memory store. */
export function showStoreTarget(target: StoreTarget): string {
  if (target.kind === 'memory') return ''
  const credentials = target.password === undefined ? '' : `${encodeURIComponent(target.username ?? '')}:${MASK}@`
  const hosts = target.hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`)
  const path = target.kind === 'node' ? `/${target.db}` : target.kind === 'sentinel' ? `/${target.masterName}` : ''
  return `redis${target.tls ? 's' : ''}${SCHEME_SUFFIX[target.kind]}://${credentials}${hosts.join(',')}${path}`
}

function parseCredentials(text: string): { username?: string; password: Secret<string> } {
  const colon = text.indexOf(':')
  // `redis://password@host` is a common slip; taken as a user name, the password would be printed.
  if (colon < 0 || colon === text.length - 1) throw new InvalidValueError('has a user without a password')
  if (text.includes('@')) throw new InvalidValueError('has an @ in user or password that is not percent-encoded')
  const username = decode(text.slice(0, colon))
  return { ...(username !== '' && { username }), password: new Secret(decode(text.slice(colon + 1))) }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new InvalidValueError('has a user or password that is not percent-encoded')
  }
}

function parseRedisHost(text: string, defaultPort: number): RedisHost {
  try {
    const [, ipv6, name = '', port] = HOST_AND_PORT.exec(text) ?? []
    if (ipv6 !== undefined && !ipv6.includes(':')) throw new InvalidValueError('has brackets around a name')
    const host = parseHost(ipv6 ?? name)
    return { host, port: port === undefined ? defaultPort : parseWholeNumber(port, 1, 65_535) }
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error
    throw new InvalidValueError('has a host or port that is not valid, or a password that is not percent-encoded')
  }
}

function parseDatabase(text: string): number {
  try {
    return parseWholeNumber(text, 0, MAX_DATABASE)
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error
    throw new InvalidValueError('does not end with the number of a database')
  }
}
