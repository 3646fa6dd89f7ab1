import { CHECKS } from '../../src/disclosure/audit.ts'
import { test } from '../_util/tap.ts'
import { CASES } from './audit-cases.ts'
import { GOOD_BUCKET, makeKey } from './audit-key-cases.ts'
import { auditFindings, envOf, shippedRedis } from './audit-setup.ts'

test('every row of the table finds what it is there for, and nothing else does', async (t) => {
  t.same(Object.keys(CASES).sort(), Object.keys(CHECKS).sort(), 'each row has a case here, and each case a row')
  const redis = await shippedRedis(t)
  await makeKey(redis, GOOD_BUCKET, 'lethe1:{fff}:_-_-_-_-_-_-_-_-_-_-_-')
  const before = await auditFindings(envOf(redis))
  t.same(
    [...before.keys()].filter((id) => !['core-dumps', 'redis-core-dumps', 'swap'].includes(id)),
    [],
    'clean on what is shipped, but for the machine that the test runs on',
  )
  for (const [id, find] of Object.entries(CASES)) {
    await t.test(id, async (t) => t.same(await find(t, { redis, before }), [id]))
  }
  t.same([...(await auditFindings(envOf(redis))).keys()], [...before.keys()], 'and all is well again')
})
