import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { CheckId } from '../../src/disclosure/audit.ts'
import type { UnsafeBy } from '../../src/mailbox/store-facts.ts'
import type { GuardedRedis } from '../_util/guarded-redis.ts'
import { findFreePort } from '../_util/ports.ts'
import type { Test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { KEY_CASES } from './audit-key-cases.ts'
import { PROCESS_CASES } from './audit-process-cases.ts'
import {
  type AuditCase,
  type AuditWorld,
  added,
  auditFindings,
  type Env,
  envOf,
  shippedRedis,
  speak,
} from './audit-setup.ts'
import { startRewritingProxy } from './rewriting-proxy.ts'

/** For each setting that a relay looks at before it uses a node, a value that it must not have. */
export const START_VALUES = {
  save: '3600 1',
  appendonly: 'yes',
  'shutdown-on-sigterm': 'default',
  'shutdown-on-sigint': 'save force',
  'repl-diskless-sync': 'no',
  'repl-diskless-load': 'on-empty-db',
  'stream-node-max-entries': '100',
  'slowlog-log-slower-than': '10000000',
  loglevel: 'verbose',
  'crash-log-enabled': 'yes',
  'maxmemory-policy': 'allkeys-lru',
} as const satisfies Record<Exclude<UnsafeBy, 'monitor'>, string>

/** For each row of the audit's table, how to make it find something. */
export const CASES: Readonly<Record<CheckId, AuditCase>> = {
  ...settings(START_VALUES),
  'rdb-del-sync-files': setting('rdb-del-sync-files', 'no'),
  'repl-backlog-size': setting('repl-backlog-size', '2mb'),
  'repl-backlog-ttl': setting('repl-backlog-ttl', '0'),
  'slowlog-max-len': setting('slowlog-max-len', '128'),
  'latency-tracking': setting('latency-tracking', 'yes'),
  'latency-monitor-threshold': setting('latency-monitor-threshold', '100000'),
  'acllog-max-len': setting('acllog-max-len', '128'),
  'notify-keyspace-events': setting('notify-keyspace-events', 'KEA'),
  maxmemory: setting('maxmemory', '0'),
  'crash-memcheck-enabled': setting('crash-memcheck-enabled', 'yes'),
  logfile: logFile,
  'syslog-enabled': argument('syslog-enabled', 'yes'),
  'lazyfree-lazy-expire': setting('lazyfree-lazy-expire', 'yes'),
  'lazyfree-lazy-server-del': setting('lazyfree-lazy-server-del', 'yes'),
  'lazyfree-lazy-user-del': setting('lazyfree-lazy-user-del', 'yes'),
  'enable-debug-command': argument('enable-debug-command', 'local'),
  'enable-module-command': argument('enable-module-command', 'yes'),
  'enable-protected-configs': argument('enable-protected-configs', 'local'),
  dir: argument('dir', '/'),
  'redis-core-dumps': coreDumps,
  monitor: connection('AUTH', 'MONITOR'),
  tracking: connection('HELLO 3 AUTH', 'CLIENT TRACKING ON BCAST'),
  'node-silent': silentReplica,
  'redis-version': olderVersion,
  'slowlog-entries': slowCommand,
  'latency-events': slowEvent,
  'acllog-entries': wrongPassword,
  'open-access': user(['default', 'on', 'nopass', '+ping'], ['default', 'off', 'resetpass', '-@all']),
  'acl-commands': user(['lethe', '+get'], ['lethe', '-get']),
  'acl-keys': user(['lethe', '~lethe10:*'], ['lethe', 'resetkeys', '~lethe1:*']),
  'acl-channels': user(['lethe', '&lethe*'], ['lethe', 'resetchannels', '&lethe1:*']),
  'redis-tls': otherHost,
  'replication-tls': replicaElsewhere,
  ...KEY_CASES,
  ...PROCESS_CASES,
}

const run = promisify(execFile)

/** On Linux it leads to this machine, as a loopback address does, and is none. */
const NO_LOOPBACK = '0.0.0.0'

function settings<Name extends string>(bad: Readonly<Record<Name, string>>): Record<Name, AuditCase> {
  const cases = Object.entries<string>(bad).map(([name, value]) => [name, setting(name, value)])
  return Object.fromEntries(cases)
}

function setting(name: string, bad: string): AuditCase {
  return async (_t, { redis, before }) => {
    const [, good = ''] = (await redis.admin('CONFIG', 'GET', name)).split('\n')
    await redis.admin('CONFIG', 'SET', name, bad)
    const after = await auditFindings(envOf(redis))
    await redis.admin('CONFIG', 'SET', name, good)
    return added(before, after)
  }
}

/** For what Redis takes at its start alone. */
function argument(name: string, bad: string): AuditCase {
  return async (t, { before }) => {
    const redis = await shippedRedis(t, { args: [`--${name}`, bad] })
    return added(before, await auditFindings(envOf(redis)))
  }
}

/** @param login how the connection begins, before user and password */
function connection(login: string, line: string): AuditCase {
  return async (t, { redis, before }) => {
    const end = await speak(t, redis.port, [`${login} admin ${redis.password}`, line])
    const after = await auditFindings(envOf(redis))
    await end()
    return added(before, after)
  }
}

function user(bad: readonly string[], good: readonly string[]): AuditCase {
  return async (_t, { redis, before }) => {
    await redis.admin('ACL', 'SETUSER', ...bad)
    const after = await auditFindings(envOf(redis))
    await redis.admin('ACL', 'SETUSER', ...good)
    return added(before, after)
  }
}

/** A replica that its master knows under a port where nobody listens. */
async function silentReplica(t: Test, { before }: AuditWorld): Promise<string[]> {
  const master = await shippedRedis(t)
  await follow(t, master, ['--replica-announce-port', String(await findFreePort())])
  return added(before, await auditFindings(envOf(master)))
}

async function olderVersion(t: Test, { redis, before }: AuditWorld): Promise<string[]> {
  const proxy = await startRewritingProxy(redis.port, (text) => text.replace(/redis_version:\d+/, 'redis_version:6'))
  t.teardown(() => proxy.stop())
  return added(before, await auditFindings(envOf({ relayUrl: redis.relayUrl.replace(/\d+$/, `${proxy.port}`) })))
}

async function coreDumps(_t: Test, { redis }: AuditWorld): Promise<string[]> {
  const findingsUnder = async (limitBytes: number) => {
    await run('prlimit', ['--pid', String(redis.pid), `--core=${limitBytes}:`])
    return await auditFindings(envOf(redis))
  }
  const after = await findingsUnder(1000)
  return added(await findingsUnder(0), after)
}

async function slowCommand(_t: Test, { redis, before }: AuditWorld): Promise<string[]> {
  await redis.admin('CONFIG', 'SET', 'slowlog-max-len', '10', 'slowlog-log-slower-than', '0')
  await redis.admin('PING')
  await redis.admin('CONFIG', 'SET', 'slowlog-max-len', '0', 'slowlog-log-slower-than', '-1')
  const after = await auditFindings(envOf(redis))
  await redis.admin('SLOWLOG', 'RESET')
  return added(before, after)
}

async function slowEvent(_t: Test, { redis, before }: AuditWorld): Promise<string[]> {
  await redis.admin('CONFIG', 'SET', 'latency-monitor-threshold', '1')
  await redis.admin('EVAL', 'local n = 0 for i = 1, 5000000 do n = n + i end return n', '0')
  await redis.admin('CONFIG', 'SET', 'latency-monitor-threshold', '0')
  const after = await auditFindings(envOf(redis))
  await redis.admin('LATENCY', 'RESET')
  return added(before, after)
}

async function wrongPassword(t: Test, { redis, before }: AuditWorld): Promise<string[]> {
  await redis.admin('CONFIG', 'SET', 'acllog-max-len', '10')
  await t.rejects(redis.cli('--user', 'lethe', '--pass', 'wrong', 'PING'))
  await redis.admin('CONFIG', 'SET', 'acllog-max-len', '0')
  const after = await auditFindings(envOf(redis))
  await redis.admin('ACL', 'LOG', 'RESET')
  return added(before, after)
}

async function logFile(t: Test, world: AuditWorld): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-log-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return await argument('logfile', join(folder, 'redis.log'))(t, world)
}

async function otherHost(_t: Test, { redis, before }: AuditWorld): Promise<string[]> {
  return added(before, await auditFindings(elsewhere(redis)))
}

async function replicaElsewhere(t: Test): Promise<string[]> {
  const master = await shippedRedis(t)
  const before = await auditFindings(elsewhere(master))
  await follow(t, master)
  return added(before, await auditFindings(elsewhere(master)))
}

function elsewhere(redis: GuardedRedis): Env {
  return envOf({ relayUrl: redis.relayUrl.replace('127.0.0.1', NO_LOOPBACK) })
}

/** Starts a replica that follows its master, and gives it. */
export async function follow(t: Test, master: GuardedRedis, args: readonly string[] = []): Promise<GuardedRedis> {
  const replica = await shippedRedis(t, { master, args })
  await eventually(async () => (await replica.admin('INFO', 'replication')).includes('master_link_status:up'))
  await eventually(async () => (await master.admin('INFO', 'replication')).includes('state=online'))
  return replica
}
