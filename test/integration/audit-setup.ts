import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { runAudit } from '../../src/cli/audit-command.ts'
import { loadConfig } from '../../src/config/config.ts'
import type { AuditReport } from '../../src/disclosure/audit.ts'
import { type GuardedRedis, type GuardedRedisOptions, startGuardedRedis } from '../_util/guarded-redis.ts'
import type { Test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

/** LETHE_ variables. */
export type Env = Readonly<Record<string, string>>

/** What an audit found: by the name of each check that found something, a line for each fault. */
export type Findings = ReadonlyMap<string, readonly string[]>

/** A Redis as it is shipped, and what an audit of it finds in this process and on this machine: nothing of Redis. */
export interface AuditWorld {
  readonly redis: GuardedRedis
  readonly before: Findings
}

/** Makes one thing bad, asks, and makes it good again. Gives the names of the checks that found something new. */
export type AuditCase = (t: Test, world: AuditWorld) => Promise<string[]>

/** A Redis as it is shipped, that ends with the test. */
export async function shippedRedis(t: Test, options: GuardedRedisOptions = {}): Promise<GuardedRedis> {
  const redis = await startGuardedRedis(options)
  t.teardown(() => redis.stop())
  return redis
}

/** Environment of a relay on that Redis. */
export function envOf({ relayUrl }: Pick<GuardedRedis, 'relayUrl'>, others: Env = {}): Env {
  return { LETHE_REDIS_URL: relayUrl, LETHE_STORE_SECRET: randomBytes(32).toString('base64url'), ...others }
}

/** What an audit finds that runs in this process. */
export async function auditFindings(env: Env): Promise<Findings> {
  return findingsIn(await runAudit(loadConfig(env)))
}

export function findingsIn({ checks }: Pick<AuditReport, 'checks'>): Findings {
  const found = checks.filter(({ faults }) => faults.length > 0)
  return new Map(found.map(({ id, faults }) => [id, faults.map(({ where, detail }) => `${where}: ${detail}`)]))
}

/** Names of the checks that find something now and did not before. */
export function added(before: Findings, after: Findings): string[] {
  return [...after.keys()].filter((id) => !before.has(id))
}

/**
 * Says lines to a Redis over a connection that stays, and waits until the last is answered with OK. Ends with the test.
 * @returns what ends it before
 */
export async function speak(t: Test, port: number, lines: readonly string[]): Promise<() => Promise<void>> {
  const socket = connect(port, '127.0.0.1')
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const end = async () => {
    socket.destroy()
    await closed
  }
  t.teardown(end)
  let heard = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    heard += text
  })
  for (const line of lines) {
    const from = heard.length
    socket.write(`${line}\r\n`)
    await eventually(() => heard.length > from)
    if (heard.includes('-ERR')) throw new Error(heard)
  }
  await eventually(() => heard.endsWith('+OK\r\n'))
  return end
}
