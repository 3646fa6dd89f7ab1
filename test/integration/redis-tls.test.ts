import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GuardedRedis, startGuardedRedis } from '../_util/guarded-redis.ts'
import { findFreePort } from '../_util/ports.ts'
import { startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { auditFindings } from './audit-setup.ts'
import { deposit, secretFiles, shred, urlFile } from './shred-setup.ts'
import { makeCertificate, makeFolder } from './tls-setup.ts'

const CONFIGURATION = new URL('../../../deploy/redis/redis.conf', import.meta.url)

/** The lines that deploy/redis/redis.conf has for TLS, but for those that say where Redis lives. */
function tlsSettings(folder: string): [name: string, value: string][] {
  const lines = readFileSync(CONFIGURATION, 'utf8').match(/^# tls-[a-z-]+ \S+$/gm) ?? []
  return lines
    .map((line) => line.slice(2).split(' ') as [string, string])
    .filter(([name]) => name !== 'tls-port')
    .map(([name, value]) => [
      name,
      value.startsWith('/') ? join(folder, value.endsWith('.key') ? 'r.key' : 'r.crt') : value,
    ])
}

async function tlsRedis(t: Test, folder: string, password?: string): Promise<GuardedRedis & { tlsPort: number }> {
  const tlsPort = await findFreePort()
  const settings = [['tls-port', String(tlsPort)], ...tlsSettings(folder)]
  const args = settings.flatMap(([name, value]) => [`--${name}`, value as string])
  const redis = await startGuardedRedis({ args, ...(password !== undefined && { password }) })
  t.teardown(() => redis.stop())
  return Object.assign(redis, { tlsPort })
}

test('with the lines for TLS of deploy/redis/redis.conf: relay, replica, audit and erasure', async (t) => {
  const folder = await makeFolder(t)
  await makeCertificate(folder, 'r')
  t.equal(tlsSettings(folder).length, 6, 'the lines are found')
  const master = await tlsRedis(t, folder)
  const replica = await tlsRedis(t, folder, master.password)
  await replica.admin('CONFIG', 'SET', 'masteruser', 'replica', 'masterauth', master.password)
  await replica.admin('REPLICAOF', '127.0.0.1', String(master.tlsPort))
  await eventually(async () => (await replica.admin('INFO', 'replication')).includes('master_link_status:up'))
  const urlOf = (user: string) => `rediss://${user}:${master.password}@127.0.0.1:${master.tlsPort}`
  const files = secretFiles(t)
  const env = { LETHE_REDIS_URL: urlOf('lethe'), LETHE_REDIS_CA_FILE: join(folder, 'r.crt'), ...files.env }
  const relay = await startRelay({ ...env, LETHE_REDIS_MIN_REPLICAS: '1' })
  t.teardown(() => relay.stop())
  await deposit(relay, 3)
  const findings = await auditFindings(env)
  const ofMachine = ['core-dumps', 'redis-core-dumps', 'swap']
  t.same(
    [...findings.keys()].filter((id) => !ofMachine.includes(id)),
    [],
    'clean, and the replica is reached by TLS',
  )
  await relay.stop()
  const { LETHE_REDIS_URL } = env
  const unproved = { LETHE_REDIS_URL, LETHE_STORE_SECRET: randomBytes(32).toString('base64url') }
  await t.rejects(auditFindings(unproved), /does not answer/, 'without the authority it is not believed')
  const { code, report } = await shred(t, ['--yes', '--redis-url-file', urlFile(t, urlOf('shred'))], { env })
  t.same([code, report.left, report.nodes.length], [0, [], 2])
  for (const node of [master, replica]) t.equal(await node.admin('DBSIZE'), '0')
})
