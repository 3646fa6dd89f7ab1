import { sharedRedisUrl } from '../_util/redis.ts'
import { startRelay } from '../_util/relay.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createEnvelope, createMailbox } from '../conformance/client.ts'
import { deposit } from '../conformance/http.ts'
import { checkProblem } from '../conformance/problems.ts'
import { createStoreSecret, relayFor } from '../conformance/stores.ts'
import { startRewritingProxy } from './rewriting-proxy.ts'

const RECOVERY = { timeoutMs: 30_000, intervalMs: 100 }
const realPort = Number(new URL(sharedRedisUrl()).port)

/** A real Redis that gives itself out for another version, whose number has one digit. */
function startAged(major: () => number, port = 0) {
  return startRewritingProxy(realPort, (text) => text.replace(/redis_version:\d/, `redis_version:${major()}`), port)
}

const envOf = (port: number) => ({
  LETHE_REDIS_URL: `redis://127.0.0.1:${port}`,
  LETHE_STORE_SECRET: createStoreSecret(),
})

test('[protocol §8] a relay does not start on a Redis before 7.0, and says what it needs', async (t) => {
  for (const major of [6, 5]) {
    const proxy = await startAged(() => major)
    t.teardown(() => proxy.stop())
    const error = await startRelay(envOf(proxy.port)).catch((reason: Error) => reason)
    if (!(error instanceof Error)) return t.fail('it started')
    t.match(error.message, 'ended before it was listening (1)')
    t.match(error.message, 'LETHE_REDIS_URL: this Redis is too old; Lethe needs Redis 7.0 or later')
    t.notMatch(error.message, '"store-up"')
  }
})

test('[protocol §8] a Redis that is exchanged for an older one is not used, until it is a newer one again', async (t) => {
  let major = 7
  let proxy = await startAged(() => major)
  const { port } = proxy
  t.teardown(() => proxy.stop())
  const relay = await relayFor(t, envOf(port))
  const isReady = async () => (await fetch(`${relay.adminUrl}/readyz`)).status === 200
  t.ok(await isReady())
  major = 6
  await proxy.stop()
  proxy = await startAged(() => major, port)
  await eventually(async () => !(await isReady()), RECOVERY)
  await eventually(
    async () => (await (await fetch(`${relay.adminUrl}/metrics`)).text()).includes('fault="version"'),
    RECOVERY,
  )
  checkProblem(t, await deposit(relay, createMailbox().address, createEnvelope()), 'ERR_STORE_UNAVAILABLE')
  major = 7
  await eventually(isReady, RECOVERY)
  t.equal((await deposit(relay, createMailbox().address, createEnvelope())).status, 202)
})
