import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ERRORS } from '../../src/protocol/errors.ts'
import { sharedRedisUrl } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createStoreSecret } from '../conformance/stores.ts'
import { makeCertificate, makeFolder } from '../integration/tls-setup.ts'
import { beginLoad, load, relayFor, violations } from './setup.ts'

test('several workers, sizes and lifetimes; offline recipients come, read, and leave again', async (t) => {
  const relay = await relayFor(t)
  const report = await load(t, {
    urls: [relay.url],
    workers: 2,
    sizes: [4_000, 64_000],
    ttls: [60, 86_400],
    recipients: 10,
    offlineShare: 0.4,
    offlineSeconds: 0.3,
  })
  t.same(violations(report), {})
  t.equal(report.account.accepted, report.account.sent)
  t.equal(report.account.delivered, report.account.sent)
  t.ok(report.account.sent >= 390)
  t.ok(report.connections.mailboxConnects > 10, 'those who were away have come')
})

test('over HTTP', async (t) => {
  const relay = await relayFor(t)
  const report = await load(t, { urls: [relay.url], transport: 'http', senders: 20 })
  t.same(violations(report), {})
  t.equal(report.account.delivered, report.account.sent)
  t.ok(report.account.sent > 300)
})

test('against a certificate of its own making', async (t) => {
  const folder = await makeFolder(t)
  const { cert } = await makeCertificate(folder, 'load')
  const files = { LETHE_TLS_CERT_FILE: join(folder, 'load.crt'), LETHE_TLS_KEY_FILE: join(folder, 'load.key') }
  const relay = await relayFor(t, files)
  for (const transport of ['ws', 'http'] as const) {
    const report = await load(t, { urls: [relay.url], ca: cert, transport, durationSeconds: 1 })
    t.same(violations(report), {})
    t.ok(report.account.delivered > 100, transport)
  }
  await t.rejects(load(t, { urls: [relay.url] }), { code: 'ERR_NETWORK' })
})

test('a stalled relay is not left out of the latencies: no coordinated omission', async (t) => {
  const relay = await relayFor(t)
  const run = await beginLoad(t, { urls: [relay.url], durationSeconds: 4, senders: 1 })
  await run.started()
  await sleep(1_000)
  process.kill(relay.pid, 'SIGSTOP')
  await sleep(1_000)
  process.kill(relay.pid, 'SIGCONT')
  const { latencies, account } = await run.finished
  t.equal(latencies.accept.count, account.sent)
  t.ok(account.sent >= 790, 'the schedule went on')
  // A quarter of all was due while the relay stood still, at equal intervals; one sender that waits would have met it once.
  t.ok((latencies.accept.percentilesMs.p90 as number) > 300, `p90 ${latencies.accept.percentilesMs.p90} ms`)
  t.ok(latencies.accept.maxMs > 900)
})

test('one of two relays is killed: senders and recipients go to the other, and nothing accepted is lost', async (t) => {
  const env = { LETHE_REDIS_URL: sharedRedisUrl(), LETHE_STORE_SECRET: createStoreSecret() }
  const [first, second] = [await relayFor(t, env), await relayFor(t, env)]
  const run = await beginLoad(t, { urls: [first.url, second.url], durationSeconds: 4, answerSeconds: 2 })
  await run.started()
  await sleep(1_000)
  const before = await run.account()
  t.ok(before.accepted > 50, 'accounts while it runs')
  await first.kill()
  const report = await run.finished
  const { lost, outstanding, misdelivered, corrupted, unexpected, accepted } = report.account
  t.same(
    { lost, outstanding, misdelivered, corrupted, unexpected },
    { lost: 0, outstanding: 0, misdelivered: 0, corrupted: 0, unexpected: 0 },
  )
  t.ok(accepted > 600)
  t.ok(report.connections.reconnects >= 4, `${report.connections.reconnects} connected again`)
  t.ok(Object.keys(report.connections.ends).length > 0)
})

test('recipients who all lose the connection come back', async (t) => {
  const relay = await relayFor(t)
  const departures = [
    { atSeconds: 0.5, share: 1, awaySeconds: 0.5, who: 'recipients' },
    { atSeconds: 1.2, share: 1, awaySeconds: 0, who: 'senders' },
  ] as const
  const report = await load(t, { urls: [relay.url], departures, rate: 500 })
  const { lost, outstanding, misdelivered, duplicated } = report.account
  t.same({ lost, outstanding, misdelivered, duplicated }, { lost: 0, outstanding: 0, misdelivered: 0, duplicated: 0 })
  t.ok(report.connections.reconnects >= 10)
  t.ok(report.latencies.drain.count >= 12)
})

test('a full mailbox refuses, and what was accepted is there', async (t) => {
  const relay = await relayFor(t, { LETHE_BUCKET_BYTES: '64000' })
  const report = await load(t, { urls: [relay.url], offlineShare: 1, recipients: 4, ttls: [86_400] })
  t.same(violations(report), {})
  t.ok((report.account.refused[ERRORS.ERR_MAILBOX_FULL.number] ?? 0) > 0)
  t.equal(report.refusals.ERR_MAILBOX_FULL, report.account.refused[ERRORS.ERR_MAILBOX_FULL.number])
  t.equal(report.account.delivered, report.account.accepted)
})

test('slow readers get everything in the end', async (t) => {
  const relay = await relayFor(t)
  const report = await load(t, { urls: [relay.url], slowShare: 0.5, slowPauseMs: 200, sizes: [64_000] })
  t.same(violations(report), {})
  t.equal(report.account.delivered, report.account.accepted)
  t.ok(report.account.delivered > 200)
})

test('the tester says when it was held up itself', async (t) => {
  const relay = await relayFor(t)
  const run = await beginLoad(t, { urls: [relay.url], durationSeconds: 3 })
  await run.started()
  for (let i = 0; i < 3; i++) {
    await sleep(300)
    process.kill(run.workerPids[0] as number, 'SIGSTOP')
    await sleep(500)
    process.kill(run.workerPids[0] as number, 'SIGCONT')
  }
  const { ownLimits, latencies } = await run.finished
  t.ok((latencies.lag.percentilesMs.p99 as number) > 200, 'what was due meanwhile went out late')
  t.match(ownLimits.join('\n'), /deposits went out late/)
  t.match(ownLimits.join('\n'), /event loops ran up to \d+ ms late/)
})

test('a worker that is killed takes nothing of the account with it', async (t) => {
  const relay = await relayFor(t)
  const run = await beginLoad(t, { urls: [relay.url], durationSeconds: 3, workers: 2, drainSeconds: 1 })
  await run.started()
  await sleep(1_000)
  process.kill(run.workerPids[1] as number, 'SIGKILL')
  const report = await run.finished
  t.match(report.ownLimits.join('\n'), /1 workers ended before the test did/)
  t.ok(report.account.sent > 300)
  t.equal(report.account.lost, 0, 'whose recipient is gone is outstanding, not lost')
  t.equal(report.account.misdelivered, 0)
})

test('it can be ended early, and its processes end with it', async (t) => {
  const relay = await relayFor(t)
  const run = await beginLoad(t, { urls: [relay.url], durationSeconds: 600 })
  await run.started()
  await eventually(async () => (await run.account()).delivered > 50)
  const report = await run.stop()
  t.ok(report.isStopped)
  t.same(violations(report), {})
  t.equal(report.account.delivered, report.account.sent)
  for (const pid of [...run.workerPids, run.ledgerPid]) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})
