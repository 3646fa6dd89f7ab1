import { CHECKS } from '../../src/disclosure/audit.ts'
import { OTHER_SETTINGS, START_SETTINGS } from '../../src/disclosure/audit-settings.ts'
import { startCluster } from '../_util/cluster.ts'
import { startSentinelGroup } from '../_util/sentinel.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { follow } from './audit-cases.ts'
import { GOOD_BUCKET, makeKey } from './audit-key-cases.ts'
import { auditFindings, envOf, shippedRedis } from './audit-setup.ts'

const KEY = 'lethe1:{abc}:AAAAAAAAAAAAAAAAAAAAAA'

test('a replica is found through its master and looked at like it', async (t) => {
  const master = await shippedRedis(t)
  const replica = await follow(t, master)
  await makeKey(master, GOOD_BUCKET)
  await master.admin('WAIT', '1', '5000')
  const before = await auditFindings(envOf(master))
  t.same(
    [...before.keys()].filter((id) => !['core-dumps', 'redis-core-dumps', 'swap'].includes(id)),
    [],
    'both are clean',
  )
  await replica.admin('CONFIG', 'SET', 'save', '3600 1')
  await master.admin('SET', 'user:1', 'x')
  await master.admin('WAIT', '1', '5000')
  const after = await auditFindings(envOf(master))
  t.same(after.get('save'), [`127.0.0.1:${replica.port}: save is "3600 1"`])
  t.same(
    after.get('key-name'),
    [master, replica].map(({ port }) => `127.0.0.1:${port}: 1 of 2 keys`),
  )
})

test('keys in a database that the relay does not use are found', async (t) => {
  const redis = await shippedRedis(t)
  await redis.admin('-n', '3', 'SET', 'x', 'y')
  t.same((await auditFindings(envOf(redis))).get('key-name'), [`127.0.0.1:${redis.port}: 1 of 1 keys`])
})

test('a large bucket and a large number of keys are looked at to the last', async (t) => {
  const redis = await shippedRedis(t)
  const many = `for i = 1, 999 do redis.call('XADD', KEYS[1], '0-*', 'e', string.rep('x', 4028)) end
    redis.call('XADD', KEYS[1], '0-*', 'e', string.rep('x', 4029)) redis.call('EXPIREAT', KEYS[1], ARGV[1])`
  await makeKey(redis, many, KEY)
  await redis.admin('EVAL', `for i = 1, 3000 do redis.call('SET', 'k' .. i, 'x') end`, '0')
  const findings = await auditFindings(envOf(redis))
  t.same(findings.get('entry-size'), [`127.0.0.1:${redis.port}: 1 of 3001 keys`])
  t.same(findings.get('key-name'), [`127.0.0.1:${redis.port}: 3000 of 3001 keys`])
})

test('what cannot be read counts as unsafe, by name', async (t) => {
  const redis = await shippedRedis(t)
  const settings = Object.keys({ ...START_SETTINGS, ...OTHER_SETTINGS, dir: '' })
  await redis.admin('ACL', 'SETUSER', 'lethe', '-config|get')
  const withoutConfig = await auditFindings(envOf(redis))
  for (const name of settings) t.match(withoutConfig.get(name)?.[0], `${name} cannot be read`)
  t.notOk(withoutConfig.has('monitor'), 'and nothing else')
  await redis.admin('ACL', 'SETUSER', 'lethe', '-@all', '+ping')
  const withoutAll = await auditFindings(envOf(redis))
  const aboutRedis = Object.entries(CHECKS).filter(([, { isAboutRedis }]) => isAboutRedis)
  const told = ['node-silent', 'redis-core-dumps', 'open-access', 'redis-tls', 'replication-tls']
  t.same(
    aboutRedis.map(([id]) => id).filter((id) => !withoutAll.has(id)),
    told,
    'all but what is seen from outside',
  )
})

test('every node of a Cluster, and each replica', async (t) => {
  const cluster = await startCluster({ masters: 3, replicas: 3 })
  t.teardown(() => cluster.stop())
  const [, , bad] = cluster.nodes.slice(3)
  await bad?.cli('CONFIG', 'SET', 'appendonly', 'yes')
  await cluster.nodes[0]?.cli('-c', 'SET', 'user:1', 'x')
  await eventually(async () => {
    const sizes = await Promise.all(cluster.nodes.map((node) => node.cli('DBSIZE')))
    return sizes.filter((size) => size === '1').length === 2
  })
  const findings = await auditFindings(envOf({ relayUrl: cluster.url }))
  t.same(findings.get('appendonly'), [`127.0.0.1:${bad?.port}: appendonly is "yes"`])
  t.equal(findings.get('key-name')?.length, 2, 'a master and its replica have the key')
  t.equal(findings.get('open-access')?.length, 6, 'this one has no users, and each node is asked')
  await bad?.stop()
  await eventually(async () => {
    const silent = (await auditFindings(envOf({ relayUrl: cluster.url }))).get('node-silent')
    return silent?.length === 1 && silent[0] === `127.0.0.1:${bad?.port}: it does not answer`
  })
})

test('the master that Sentinels name, and its replicas', async (t) => {
  const group = await startSentinelGroup({ replicas: 1 })
  t.teardown(() => group.stop())
  const findings = () => auditFindings(envOf({ relayUrl: group.url }))
  const isOpen = group.nodes.map(({ port }) => `127.0.0.1:${port}: it answers who shows no password`)
  t.same((await findings()).get('open-access'), isOpen)
  const [, replica] = group.nodes
  await replica?.kill()
  const silent = [`127.0.0.1:${replica?.port}: it does not answer`]
  t.same((await findings()).get('node-silent'), silent, 'Sentinels know one that its master has lost')
})
