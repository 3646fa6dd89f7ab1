import { type Relay, startRelay } from '../_util/relay.ts'
import { test } from '../_util/tap.ts'
import { attack } from './attack.ts'
import { ATTACKS, broken, LIMITED } from './plans.ts'

const TIMES = { quietMs: 100, attackMs: 600 }
/** Envelopes of 4,000 bytes that fit into a bucket of 4 MiB; a flood may fall into two slots of time. */
const BUCKETFUL = 1_048

/** What else must be so of the counts of an attacker. */
const CHECKS: Partial<Record<string, (counts: Readonly<Record<string, number>>) => boolean>> = {
  'half-open': ({ connections = 0, ended = 0 }) => connections > 200 && ended > 0,
  'bad OPENs': ({ signatures = 0, ended = 0 }) => signatures > 0 && ended > 0,
  'bad fetches': (counts) =>
    Object.keys(counts).every((name) => !name.startsWith('answered') || /40[39]|429/.test(name)),
  'one mailbox': ({ accepted = 0 }) => accepted > 0 && accepted <= 2 * BUCKETFUL,
  'every mailbox': ({ accepted = 0 }) => accepted > 0,
}

test('[protocol §6] honest clients are served whatever others do', async (t) => {
  let shared: Relay | undefined
  for (const { title, behaviour, connections, env, isAtWork } of ATTACKS) {
    await t.test(title, async (t) => {
      if (!env) shared ??= await startRelay(LIMITED)
      const relay = env ? await startRelay({ ...LIMITED, ...env[1] }) : (shared as Relay)
      if (env) t.teardown(() => relay.stop())
      const outcome = await attack(relay, {
        behaviour,
        connections: connections[1],
        ...TIMES,
        ...(isAtWork && { isAtWork }),
      })
      t.same(broken(outcome), [])
      t.ok(CHECKS[behaviour]?.(outcome.counts) ?? true, JSON.stringify(outcome.counts))
      t.equal(relay.stderr().includes('internal-error'), false)
    })
  }
  await shared?.stop()
})
