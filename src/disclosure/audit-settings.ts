import type { NodeSettings } from '../mailbox/store-facts.ts'
import { defineChecks, findAtNodes, type Severity, type StartCheck, unreadable } from './audit-check.ts'

/** A line of redis.conf that every node must have. */
interface Setting {
  readonly name: string
  /** The value as it stands in redis.conf. */
  readonly value: string
  readonly severity: Severity
  readonly why: string
  /** Which other values will do; left out, none. */
  isSafe?(value: string): boolean
}

export interface SettingCheck extends StartCheck {
  readonly setting: string
}

const MAX_BACKLOG_BYTES = 1_048_576
const MAX_BACKLOG_SECONDS = 3600

/** Settings that decide whether envelopes get to disk or into a log, or stay after they were erased. */
export const START_SETTINGS = defineChecks({
  save: setting({
    name: 'save',
    value: '""',
    severity: 'high',
    why: 'A snapshot on disk is a copy of all that waits, and nothing erases it.',
  }),
  appendonly: setting({
    name: 'appendonly',
    value: 'no',
    severity: 'high',
    why: 'An append-only file keeps every envelope on disk, also after it was erased.',
  }),
  'shutdown-on-sigterm': setting({
    name: 'shutdown-on-sigterm',
    value: 'nosave',
    severity: 'high',
    why: 'Otherwise Redis may write a snapshot to disk when it is told to stop.',
    isSafe: saysNoSave,
  }),
  'shutdown-on-sigint': setting({
    name: 'shutdown-on-sigint',
    value: 'nosave',
    severity: 'high',
    why: 'Otherwise Redis may write a snapshot to disk when it is interrupted.',
    isSafe: saysNoSave,
  }),
  'repl-diskless-sync': setting({
    name: 'repl-diskless-sync',
    value: 'yes',
    severity: 'high',
    why: 'Otherwise a master writes a snapshot to disk for every replica that joins.',
  }),
  'repl-diskless-load': setting({
    name: 'repl-diskless-load',
    value: 'swapdb',
    severity: 'high',
    why: 'Otherwise a replica writes all that it gets to disk before it loads it.',
  }),
  'stream-node-max-entries': setting({
    name: 'stream-node-max-entries',
    value: '1',
    severity: 'high',
    why: 'With more, the bytes of an erased envelope stay beside the next one until that is erased too.',
  }),
  'slowlog-log-slower-than': setting({
    name: 'slowlog-log-slower-than',
    value: '-1',
    severity: 'high',
    why: 'The slow log keeps commands with their time, names of buckets and pieces of envelopes.',
    isSafe: (value) => Number(value) < 0,
  }),
  loglevel: setting({
    name: 'loglevel',
    value: 'notice',
    severity: 'high',
    why: 'At a lower level Redis logs every connection, and what a client sent when it does not parse.',
    isSafe: (value) => value === 'warning',
  }),
  'crash-log-enabled': setting({
    name: 'crash-log-enabled',
    value: 'no',
    severity: 'high',
    why: 'A crash log holds the command that ran, with its arguments, and a piece of memory.',
  }),
  'maxmemory-policy': setting({
    name: 'maxmemory-policy',
    value: 'noeviction',
    severity: 'high',
    why: 'Any other policy drops envelopes that were accepted when Redis is full.',
  }),
})

/** The other settings. */
export const OTHER_SETTINGS = defineChecks({
  'rdb-del-sync-files': setting({
    name: 'rdb-del-sync-files',
    value: 'yes',
    severity: 'medium',
    why: 'A snapshot that was written for a replica would stay on disk.',
  }),
  'repl-backlog-size': setting({
    name: 'repl-backlog-size',
    value: '256kb',
    severity: 'medium',
    why: 'The backlog keeps the last writes, erased or not, until as many bytes were written again (1 MiB will do).',
    isSafe: (value) => Number(value) <= MAX_BACKLOG_BYTES,
  }),
  'repl-backlog-ttl': setting({
    name: 'repl-backlog-ttl',
    value: '60',
    severity: 'low',
    why: 'The backlog stays for so many seconds after the last replica left, at 0 for ever (an hour will do).',
    isSafe: (value) => Number(value) > 0 && Number(value) <= MAX_BACKLOG_SECONDS,
  }),
  'slowlog-max-len': setting({
    name: 'slowlog-max-len',
    value: '0',
    severity: 'low',
    why: 'With room for nothing, the slow log stays empty also when somebody turns it on.',
  }),
  'latency-tracking': setting({
    name: 'latency-tracking',
    value: 'no',
    severity: 'low',
    why: 'It keeps how long each kind of command took, which helps to tell apart what was done.',
  }),
  'latency-monitor-threshold': setting({
    name: 'latency-monitor-threshold',
    value: '0',
    severity: 'medium',
    why: 'The latency monitor keeps the second of every slow event.',
  }),
  'acllog-max-len': setting({
    name: 'acllog-max-len',
    value: '0',
    severity: 'medium',
    why: 'The ACL log keeps refused commands with their key, their time and the address of the client.',
  }),
  'notify-keyspace-events': setting({
    name: 'notify-keyspace-events',
    value: '""',
    severity: 'high',
    why: 'Keyspace notifications tell every deposit and erasure to whoever listens.',
  }),
  maxmemory: setting({
    name: 'maxmemory',
    value: '1gb',
    severity: 'medium',
    why: 'Without a bound a full machine swaps Redis to disk or kills it with all that waits (any bound will do).',
    isSafe: (value) => Number(value) > 0,
  }),
  'crash-memcheck-enabled': setting({
    name: 'crash-memcheck-enabled',
    value: 'no',
    severity: 'low',
    why: 'After a crash Redis would stay, with all it holds, until it has tested its memory.',
  }),
  logfile: setting({
    name: 'logfile',
    value: '""',
    severity: 'medium',
    why: 'A log file of its own escapes what is done to keep the other logs short.',
  }),
  'syslog-enabled': setting({
    name: 'syslog-enabled',
    value: 'no',
    severity: 'medium',
    why: 'The system log is kept for long, and often sent elsewhere.',
  }),
  'lazyfree-lazy-expire': setting({
    name: 'lazyfree-lazy-expire',
    value: 'no',
    severity: 'low',
    why: 'Expired envelopes would stay in memory until another thread comes to free them.',
  }),
  'lazyfree-lazy-server-del': setting({
    name: 'lazyfree-lazy-server-del',
    value: 'no',
    severity: 'low',
    why: 'What Redis deletes by itself would stay in memory until another thread comes to free it.',
  }),
  'lazyfree-lazy-user-del': setting({
    name: 'lazyfree-lazy-user-del',
    value: 'no',
    severity: 'low',
    why: 'Acknowledged envelopes would stay in memory until another thread comes to free them.',
  }),
  'enable-debug-command': setting({
    name: 'enable-debug-command',
    value: 'no',
    severity: 'medium',
    why: 'DEBUG can read memory, stop the expiry of keys and end Redis with a dump.',
  }),
  'enable-module-command': setting({
    name: 'enable-module-command',
    value: 'no',
    severity: 'medium',
    why: 'A module is code of somebody else that sees every command.',
  }),
  'enable-protected-configs': setting({
    name: 'enable-protected-configs',
    value: 'no',
    severity: 'low',
    why: 'Whoever may change settings could change the folder and the file that Redis writes to.',
  }),
})

function setting({ name, value, severity, why, isSafe }: Setting): SettingCheck {
  const wanted = value === '""' ? '' : value
  const findAt = ({ settings }: NodeSettings) => {
    const found = settings.get(name)
    if (found === undefined) return unreadable(name)
    return found === wanted || isSafe?.(found) ? undefined : `${name} is ${JSON.stringify(found)}`
  }
  return {
    setting: name,
    what: `\`${name} ${value}\``,
    why,
    severity,
    mend: `Put \`${name} ${value}\` into redis.conf. Where Redis allows it, CONFIG SET does it until the next start.`,
    isAboutRedis: true,
    findAt,
    find: (facts) => findAtNodes(facts, findAt),
  }
}

function saysNoSave(value: string): boolean {
  return value.split(' ').includes('nosave')
}
