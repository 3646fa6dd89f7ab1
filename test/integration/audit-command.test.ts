import { randomBytes } from 'node:crypto'
import { CHECKS } from '../../src/disclosure/audit.ts'
import { findFreePort } from '../_util/ports.ts'
import { startRelay } from '../_util/relay.ts'
import { test } from '../_util/tap.ts'
import { runAuditCommand } from './audit-process-cases.ts'
import { envOf, findingsIn, shippedRedis } from './audit-setup.ts'

/** What the machine of the test brings, and the audit rightly finds. */
const OF_MACHINE = ['redis-core-dumps', 'swap']

test('lethe audit is clean on what is shipped, with a relay at work', async (t) => {
  const redis = await shippedRedis(t)
  const env = envOf(redis)
  const relay = await startRelay(env)
  t.teardown(() => relay.stop())
  for (const size of [4_000, 64_000]) {
    for (const ttl of ['60', '86400', '604800']) {
      const body = Buffer.concat([randomBytes(32), randomBytes(size)])
      const headers = { 'content-type': 'application/octet-stream', ttl }
      t.equal((await fetch(`${relay.url}/v1/deposit`, { method: 'POST', headers, body })).status, 202)
    }
  }
  const { code, stdout, stderr } = await runAuditCommand(['--json'], env)
  const report = JSON.parse(stdout)
  t.equal(stderr, '')
  t.same(
    [...findingsIn(report).keys()].filter((id) => !OF_MACHINE.includes(id)),
    [],
  )
  t.equal(code, report.isClean ? 0 : 1)
  t.same(report.nodes, [{ address: `127.0.0.1:${redis.port}`, role: 'master' }])
  t.same(
    report.checks.map(({ id }: { id: string }) => id),
    Object.keys(CHECKS),
  )
  t.equal(report.software.name, 'lethe')
  t.notOk(stdout.includes(redis.password), 'no password in it')
})

test('lethe audit prints a line for each check, and under it what it found, why it matters and what to do', async (t) => {
  const redis = await shippedRedis(t)
  await redis.admin('CONFIG', 'SET', 'save', '3600 1')
  const { code, stdout } = await runAuditCommand([], envOf(redis))
  t.equal(code, 1)
  for (const [id, { what }] of Object.entries(CHECKS)) {
    t.ok(
      stdout.split('\n').some((line) => line.includes(` ${id} `) && line.endsWith(what)),
      id,
    )
  }
  t.match(stdout, `FOUND  high    save`)
  t.match(stdout, `127.0.0.1:${redis.port}: save is "3600 1"`)
  t.ok(stdout.includes(CHECKS.save.why) && stdout.includes(CHECKS.save.mend))
  t.notOk(stdout.includes(CHECKS.appendonly.why), 'reasons only where they are needed')
  t.match(stdout, /\nFound in \d+ of \d+ checks: save/)
})

test('without a Redis that answers it ends with 69', async (t) => {
  const nowhere = `redis://127.0.0.1:${await findFreePort()}`
  const silent = await runAuditCommand([], envOf({ relayUrl: nowhere }))
  t.same([silent.code, silent.stdout], [69, ''])
  t.equal(silent.stderr, 'the Redis of LETHE_REDIS_URL does not answer\n')
  const redis = await shippedRedis(t)
  const refused = await runAuditCommand([], envOf({ relayUrl: `redis://lethe:wrong@127.0.0.1:${redis.port}` }))
  t.same([refused.code, refused.stdout], [69, ''])
  t.equal(refused.stderr, "the Redis of LETHE_REDIS_URL refuses the relay's user or password\n")
})

test('with a configuration that the relay would refuse it ends with 78, with a wrong option with 64', async (t) => {
  const config = await runAuditCommand(['--json'], { LETHE_REDIS_URL: 'redis://127.0.0.1:1', LETHE_PORT: 'x' })
  t.same([config.code, config.stdout], [78, ''])
  t.match(config.stderr, /^LETHE_PORT .*\nLETHE_STORE_SECRET .*\n$/)
  t.equal((await runAuditCommand(['--jason'], {})).code, 64)
})

test('with the embedded store it looks at the process alone', async (t) => {
  const { stdout } = await runAuditCommand(['--json'], {})
  const { nodes, checks } = JSON.parse(stdout)
  t.same(nodes, [])
  const ofProcess = Object.entries(CHECKS).filter(([, { isAboutRedis }]) => !isAboutRedis)
  t.same(
    checks.map(({ id }: { id: string }) => id),
    ofProcess.map(([id]) => id),
  )
})
