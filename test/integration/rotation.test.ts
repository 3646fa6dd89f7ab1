import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import type { Env } from '../conformance/stores.ts'
import { empty } from '../traffic/fetching.ts'
import { rotationOf } from '../traffic/rotation.ts'
import { Traffic } from '../traffic/traffic.ts'

/** Long enough for hundreds of envelopes in each mix of instances. */
const PHASE_MS = 1_200
/** By a relay that drains, and by a phone that was lost. */
const EXPECTED_CLOSES = [1001, 1006]

/** Restarts both instances with other settings, one after the other. */
async function roll({ fleet, recipients }: Traffic, env: Env): Promise<void> {
  for (const instance of [0, 1]) {
    await fleet.start(instance, env)
    await sleep(PHASE_MS)
    recipients[instance]?.drop()
  }
}

test('[protocol §1] a storeSecret is replaced under traffic, instance by instance', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const traffic = new Traffic(t, { online: 6, offline: 3 })
  const { fleet, ledger, mailboxes } = traffic
  const [before, added, switched, after] = rotationOf(redis.url)
  for (const instance of [0, 1]) await fleet.start(instance, before)
  traffic.begin()
  await sleep(PHASE_MS)
  await roll(traffic, added)
  await roll(traffic, switched)
  // What was sealed under the old secret must be gone before that is dropped.
  for (const mailbox of mailboxes) await empty(fleet.near(0), mailbox, ledger)
  await roll(traffic, after)
  await traffic.end(t)
  t.same(
    traffic.closes.filter((code) => !EXPECTED_CLOSES.includes(code)),
    [],
  )
  await traffic.finish(t, async () => (await redis.cli('DBSIZE')) === '0')
})
