import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { beginLoad, violations } from '../load/setup.ts'
import { crowd, fillStore, halfDeposit, overcrowd, overfillMailbox, slowRedis, starve } from './causes.ts'
import { shippedAlerts, shippedExpressions } from './expressions.ts'
import { SECOND_BUCKET_ENVELOPES, SMALL_CONNECTIONS, STANDING_ALERTS, startTown, type Town } from './town.ts'

/** What may fire while a machine is busy with other tests, or where seconds are taken for the trend of an hour. */
const OF_A_BUSY_MACHINE = ['LetheEventLoopBusy', 'LetheStoreSlow', 'LetheStoreFullSoon']
const PATIENCE = { timeoutMs: 40_000, intervalMs: 250 }

/** Queries that have no answer yet, or no number in it. */
async function unanswered({ prometheus }: Town): Promise<string[]> {
  const wanting: string[] = []
  for (const [place, expression] of shippedExpressions()) {
    const samples = await prometheus.query(expression)
    // Of a relay that nobody uses it may be NaN.
    if (!samples.some(({ value }) => Number.isFinite(value))) wanting.push(`${place}: ${expression}`)
  }
  return wanting
}

async function answersUnderLoad(t: Test, town: Town): Promise<void> {
  const urls = [town.first.url, town.second().url]
  const run = await beginLoad(t, { urls, rate: 100, durationSeconds: 40, recipients: 20, senders: 8 })
  await run.started()
  let wanting: string[] = []
  await eventually(
    async () => {
      wanting = await unanswered(town)
      return wanting.length === 0
    },
    { ...PATIENCE, intervalMs: 1_000 },
  ).catch(() => {})
  t.same(wanting, [])
  t.ok(shippedExpressions().size > 70, 'of many')
  const rates = await town.prometheus.query('job_result:lethe_deposits:rate5m{result="accepted"}')
  t.ok((rates[0]?.value ?? 0) > 0, 'deposits are seen')
  await run.stop()
  t.same(violations(await run.finished), {}, 'and all is well')
}

/** Waits for alerts, and says which came. */
async function firing(t: Test, { prometheus }: Town, seen: Set<string>, ...names: string[]): Promise<void> {
  await eventually(async () => {
    for (const name of await prometheus.firing()) seen.add(name)
    return names.every((name) => seen.has(name))
  }, PATIENCE).catch(() => {})
  for (const name of names) t.ok(seen.has(name), `${name} fires`)
}

test('[D.5] in a real Prometheus every query has an answer under load, and every alert fires by its fault', async (t) => {
  const town = await startTown(t)
  const { prometheus, redis, first, small, other } = town
  const seen = new Set<string>()

  await t.test('every query of dashboard and rules has an answer, and nothing fires without a fault', async (t) => {
    await answersUnderLoad(t, town)
    await firing(t, town, seen, ...STANDING_ALERTS)
    const fired = await prometheus.firing()
    t.same(
      fired.filter((name) => !OF_A_BUSY_MACHINE.includes(name)),
      STANDING_ALERTS,
    )
  })

  await t.test('too much, too many, too slow', async (t) => {
    await Promise.all([crowd(small, SMALL_CONNECTIONS), overfillMailbox(town.second(), SECOND_BUCKET_ENVELOPES)])
    await firing(t, town, seen, 'LetheConnectionsNearLimit', 'LetheMailboxesFull')
    await overcrowd(small)
    await slowRedis(redis, first)
    await fillStore(first)
    const isBusy = async () => (await prometheus.firing()).includes('LetheEventLoopBusy')
    const patience = sleep(PATIENCE.timeoutMs).then(() => true)
    await starve(town.second(), () => Promise.race([isBusy(), patience]))
    await firing(
      t,
      town,
      seen,
      'LetheConnectionsRefused',
      'LetheStoreSlow',
      'LetheStoreFilling',
      'LetheStoreFullSoon',
      'LetheDepositsRefused',
    )
    await firing(t, town, seen, 'LetheStoreFaults', 'LethePilingUp', 'LetheEventLoopBusy')
  })

  await t.test('Redis away, back as another one with an unsafe setting, and mended', async (t) => {
    await redis.kill()
    await firing(t, town, seen, 'LetheStoreDown')
    const back = await startRedis({ port: redis.port, args: ['--slowlog-log-slower-than', '0'] })
    t.teardown(() => back.stop())
    await firing(t, town, seen, 'LetheStoreUnsafe')
    await back.cli('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
    await firing(t, town, seen, 'LetheStoreReplaced')
    const cut = await halfDeposit(first)
    process.kill(first.pid, 'SIGTERM')
    await firing(t, town, seen, 'LetheNotReady')
    cut()
  })

  await t.test('relays that start again and again, and that are away', async (t) => {
    const instance = new URL(town.second().adminUrl).host
    const started = async () => (await prometheus.query(`process_start_time_seconds{instance="${instance}"}`))[0]?.value
    for (let restarts = 0; restarts < 3; restarts++) {
      const before = await started()
      await town.restartSecond()
      await eventually(async () => ![before, undefined].includes(await started()), PATIENCE)
    }
    await firing(t, town, seen, 'LetheRestarting')
    await town.second().kill()
    await firing(t, town, seen, 'LetheRelayDown')
    await Promise.all([first, small, other].map((relay) => relay.kill()))
    await firing(t, town, seen, 'LetheDown')
    await prometheus.setTargets([])
    await firing(t, town, seen, 'LetheNotScraped')
  })

  t.same(
    shippedAlerts()
      .map(({ alert }) => alert)
      .filter((name) => !seen.has(name)),
    [],
    'every alert that is shipped has fired',
  )
})
