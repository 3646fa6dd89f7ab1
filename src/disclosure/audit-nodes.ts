import type { NodeFacts, NodeSettings, UserRights } from '../mailbox/store-facts.ts'
import {
  type AuditFacts,
  type Check,
  defineChecks,
  type Fault,
  findAtNodes,
  type StartCheck,
  unreadable,
} from './audit-check.ts'

const OLDEST_MAJOR = 7
const SHOWN_COMMANDS = 5

/** Who watches a node: asked before it is used, as well. */
export const START_STATE = defineChecks({
  monitor: {
    what: 'Nobody runs MONITOR',
    why: 'MONITOR shows every command as it comes: names of buckets, times, sealed envelopes.',
    severity: 'high',
    mend: 'End the connections that CLIENT LIST shows with the flag O, by CLIENT KILL ID.',
    isAboutRedis: true,
    findAt: findMonitors,
    find: (facts) => findAtNodes(facts, findMonitors),
  } satisfies StartCheck,
})

/** What there is to say of a node beside its settings. */
export const NODE_CHECKS = defineChecks({
  'node-silent': {
    what: 'Every node answers the relay',
    why: 'Nothing is known of a node that does not answer, and it holds envelopes as the others do.',
    severity: 'high',
    mend: 'Start the node or take it out of the store, and let the relay reach each node with its user and password.',
    isAboutRedis: true,
    find: findSilent,
  },
  'redis-version': atNodes({
    what: 'Redis is 7.0 or later',
    why: 'Older ones lack what the layout rests on, and much of what this audit asks for.',
    severity: 'high',
    mend: 'Install a newer Redis.',
    findAt: ({ version }) => {
      if (version === undefined) return unreadable('the version')
      return Number(version.split('.')[0]) < OLDEST_MAJOR ? `it is Redis ${version}` : undefined
    },
  }),
  dir: atNodes({
    what: 'The folder of Redis lies in memory: `dir /dev/shm`, or another one on a tmpfs of the same machine',
    why: 'Should Redis write a file against all settings, it must not reach a disk.',
    severity: 'medium',
    mend: 'Put `dir /dev/shm` into redis.conf, or the path of a folder on a tmpfs.',
    findAt: ({ folder, settings }) => {
      if (folder === 'memory') return undefined
      const path = settings.get('dir')
      if (path === undefined) return unreadable('dir')
      return folder === 'disk' ? `${path} lies on a disk` : `whether ${path} lies in memory cannot be told from here`
    },
  }),
  'redis-core-dumps': atNodes({
    what: 'A crash of Redis leaves no core dump, where that can be told',
    why: 'A core dump is a file with all that waits, and pieces of what was erased.',
    severity: 'medium',
    mend: 'Start Redis under `ulimit -c 0` (systemd: LimitCORE=0, Docker: --ulimit core=0).',
    findAt: ({ coreLimit = '0' }) => (coreLimit === '0' ? undefined : `the limit is ${coreLimit}`),
  }),
  tracking: atNodes({
    what: 'Nobody is told of changed keys (CLIENT TRACKING)',
    why: 'A client that tracks keys is told of every deposit and erasure in them.',
    severity: 'high',
    mend: 'End the connections that CLIENT LIST shows with the flag t, by CLIENT KILL ID.',
    findAt: ({ trackers }) => countOf('the number of tracking clients', trackers, 'tracking clients'),
  }),
  'slowlog-entries': atNodes({
    what: 'The slow log is empty',
    why: 'It keeps commands with their time, names of buckets and pieces of envelopes.',
    severity: 'high',
    mend: 'Run SLOWLOG RESET.',
    findAt: ({ slowLogEntries }) => countOf('the length of the slow log', slowLogEntries, 'entries in the slow log'),
  }),
  'latency-events': atNodes({
    what: 'The latency monitor has nothing in it',
    why: 'It keeps the second of every slow event.',
    severity: 'medium',
    mend: 'Run LATENCY RESET.',
    findAt: ({ latencyEvents }) => countOf('the latency monitor', latencyEvents, 'kinds of latency events'),
  }),
  'acllog-entries': atNodes({
    what: 'The ACL log is empty',
    why: 'It keeps refused commands with their key, their time and the address of the client.',
    severity: 'medium',
    mend: 'Run ACL LOG RESET.',
    findAt: ({ aclLogEntries }) => countOf('the ACL log', aclLogEntries, 'entries in the ACL log, or more'),
  }),
  'open-access': atNodes({
    what: 'Redis does not answer who shows no password',
    why: 'Whoever reaches it could read, change and erase all that waits, and watch what comes.',
    severity: 'high',
    mend: 'Use deploy/redis/users.acl, in which the default user is off.',
    findAt: ({ isOpen }) => {
      if (isOpen === undefined) return 'whether it answers who shows no password cannot be told'
      return isOpen ? 'it answers who shows no password' : undefined
    },
  }),
  'acl-commands': atNodes({
    what: "The relay's user may run what the relay needs, and nothing else",
    why: 'Whoever takes over a relay could otherwise change settings, watch others, or copy everything.',
    severity: 'medium',
    mend: 'Give it the rights that it has in deploy/redis/users.acl.',
    findAt: ({ rights }) =>
      rights === undefined ? unreadable("what the relay's user may do") : describeRights(rights),
  }),
  'acl-keys': atNodes({
    what: "The relay's user reaches keys `lethe1:*`, and no others",
    why: 'Whoever takes over a relay must not get at what others keep in this Redis, nor hide something there.',
    severity: 'medium',
    mend: 'Give it the keys that it has in deploy/redis/users.acl.',
    findAt: ({ rights }) => {
      if (rights === undefined) return unreadable("which keys the relay's user reaches")
      return rights.reachesOtherKeys ? 'it reaches other keys' : undefined
    },
  }),
  'acl-channels': atNodes({
    what: "The relay's user reaches channels `lethe1:*`, and no others",
    why: 'Whoever takes over a relay must not hear or tell anything on channels of others.',
    severity: 'medium',
    mend: 'Give it the channels that it has in deploy/redis/users.acl.',
    findAt: ({ rights }) => {
      if (rights === undefined) return unreadable("which channels the relay's user reaches")
      return rights.reachesOtherChannels ? 'it reaches other channels' : undefined
    },
  }),
  'redis-tls': {
    what: 'The relay speaks TLS to Redis, unless that is on the same machine',
    why: 'Whoever watches the network sees names of buckets, sealed envelopes and their times.',
    severity: 'high',
    mend: 'Let Redis listen with TLS and write `rediss` in LETHE_REDIS_URL.',
    isAboutRedis: true,
    find: findPlainStore,
  },
  'replication-tls': {
    what: 'Nodes speak TLS to each other, unless they are on the same machine',
    why: 'Replication carries everything that is written, and a cluster moves buckets between its nodes.',
    severity: 'high',
    mend: 'Put `tls-replication yes`, and in a cluster `tls-cluster yes`, into redis.conf.',
    isAboutRedis: true,
    find: (facts) => findAtNodes(facts, (node) => findPlainLinks(node, facts)),
  },
})

function atNodes(
  row: Omit<StartCheck, 'isAboutRedis' | 'find' | 'findAt'> & { findAt(node: NodeFacts): string | undefined },
): Check {
  const { findAt, ...texts } = row
  return { ...texts, isAboutRedis: true, find: (facts) => findAtNodes(facts, findAt) }
}

function findMonitors({ monitors }: NodeSettings): string | undefined {
  return countOf('the list of clients', monitors, 'connections that run MONITOR')
}

/** @param what to call it where it could not be read @param found what there should be none of */
function countOf(what: string, count: number | undefined, found: string): string | undefined {
  if (count === undefined) return unreadable(what)
  return count === 0 ? undefined : `${count} ${found}`
}

function findSilent({ nodes }: AuditFacts): Fault[] {
  return nodes
    .filter(({ silence }) => silence !== undefined)
    .map(({ address, silence }) => ({
      where: address,
      detail: silence === 'no-entry' ? "it refuses the relay's user or password" : 'it does not answer',
    }))
}

function describeRights({ excess, missing }: UserRights): string | undefined {
  const more = excess.length > SHOWN_COMMANDS ? ` and ${excess.length - SHOWN_COMMANDS} more` : ''
  const faults = [
    ...(excess.length > 0 ? [`it may also run ${excess.slice(0, SHOWN_COMMANDS).join(', ')}${more}`] : []),
    ...(missing.length > 0 ? [`it may not run ${missing.join(', ')}`] : []),
  ]
  return faults.length > 0 ? faults.join('; ') : undefined
}

function findPlainStore({ isStoreTls, storeHosts, nodes, isLoopback }: AuditFacts): Fault[] {
  if (isStoreTls) return []
  const hosts = new Set([...storeHosts, ...nodes.map(({ host }) => host)])
  return [...hosts].filter((host) => !isLoopback(host)).map((host) => ({ where: host, detail: 'reached without TLS' }))
}

function findPlainLinks(node: NodeFacts, { isLoopback }: AuditFacts): string | undefined {
  const { host, role, settings, links } = node
  if (isLoopback(host)) return undefined
  if (role === undefined) return unreadable('whether it has replicas')
  const plain = links.filter((name) => settings.get(name) !== 'yes')
  return plain.length > 0 ? `without ${plain.map((name) => `${name} yes`).join(' and ')}` : undefined
}
