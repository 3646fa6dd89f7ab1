import { randomBytes } from 'node:crypto'
import { startCluster } from '../_util/cluster.ts'
import type { RedisServer } from '../_util/redis.ts'
import { startRelay } from '../_util/relay.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { auditFindings } from '../integration/audit-setup.ts'
import { restrict } from './restrict.ts'

/** What the tests' own folders and machine bring. */
const OF_TESTS = ['dir', 'core-dumps', 'redis-core-dumps', 'swap']

test('a relay works on a Redis Cluster as the user of deploy/redis/users.acl, and the audit is clean', async (t) => {
  const cluster = await startCluster({ masters: 3, replicas: 3 })
  t.teardown(() => cluster.stop())
  const password = randomBytes(12).toString('hex')
  for (const node of cluster.nodes) await restrict(node, password)
  await t.rejects((cluster.nodes as [RedisServer])[0].cli('PING'), /NOAUTH/)
  const env = {
    LETHE_REDIS_URL: cluster.url.replace('//', `//lethe:${password}@`),
    LETHE_STORE_SECRET: randomBytes(32).toString('base64url'),
    LETHE_REDIS_MIN_REPLICAS: '1',
  }
  const relay = await startRelay(env)
  t.teardown(() => relay.stop())
  await eventually(async () => (await fetch(`${relay.adminUrl}/readyz`)).status === 200, { timeoutMs: 30_000 })
  const statuses = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const body = Buffer.concat([randomBytes(32), randomBytes(4_000)])
      const headers = { 'content-type': 'application/octet-stream' }
      return (await fetch(`${relay.url}/v1/deposit`, { method: 'POST', headers, body })).status
    }),
  )
  t.same(new Set(statuses), new Set([202]), 'on all three masters, confirmed by a replica')
  const findings = await auditFindings(env)
  t.same(
    [...findings.keys()].filter((id) => !OF_TESTS.includes(id)),
    [],
  )
  t.equal(findings.get('dir')?.length, 6, 'every node was asked')
})
