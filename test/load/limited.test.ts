import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Report } from '../../src/load/report.ts'
import { startRedis } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createStoreSecret } from '../conformance/stores.ts'
import { createShell, type Shell } from '../integration/cli-setup.ts'
import { EXACT_METRICS, metric } from '../integration/served.ts'
import { relayFor } from './setup.ts'

const FEW = ['--rate', '200', '--senders', '2', '--recipients', '4', '--json', 'report.json']

async function reportIn({ home }: Shell): Promise<Report> {
  return JSON.parse(await readFile(join(home, 'report.json'), 'utf8'))
}

/** Lines of a report that begin with "Note: ". */
const notesIn = (text: string) => [...text.matchAll(/^Note: (.*)\.$/gm)].map(([, note]) => note as string)

test('lethe load says that it is limited, in text and in JSON', async (t) => {
  const relay = await relayFor(t, {
    LETHE_EXEMPT_PREFIXES: '',
    LETHE_CONNECTION_BYTES_PER_SECOND: '20000',
  })
  const shell = await createShell(t)
  const { stdout } = await shell.lethe(['load', relay.url, ...FEW, '--duration', '2s'])
  const limited = /^the relay limits this tester \(429\): exempt its address there/
  t.ok(
    notesIn(stdout).some((note) => limited.test(note)),
    stdout,
  )
  t.notMatch(stdout, /\(503\)/)
  const report = await reportIn(shell)
  t.same(report.notes, notesIn(stdout), 'the same notes in both')
  t.match(stdout, /^refused, ERR_RATE_LIMITED +\d/m)
  t.ok((report.refusals.ERR_RATE_LIMITED as number) > 0)
})

test('lethe load says that the relay sheds load, and not that it is limited', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const store = { LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: createStoreSecret() }
  const relay = await relayFor(t, { ...store, ...EXACT_METRICS, LETHE_MAX_WAIT_MS: '10' })
  const shell = await createShell(t)
  const running = shell.start(['load', relay.url, ...FEW, '--duration', '1m'])
  await eventually(() => /sending: sent [1-9]/.test(running.stderr()))
  redis.pause()
  t.teardown(() => redis.resume())
  await eventually(async () => (await metric(relay, 'lethe_refusals_total{cause="load"}')) > 0)
  redis.resume()
  running.child.kill('SIGINT')
  const { stdout } = await running.finished
  const shed =
    /^the relay refused \d+ deposits for the time being \(503\): it was asked for more than it can do in time/
  t.ok(
    notesIn(stdout).some((note) => shed.test(note)),
    stdout,
  )
  t.notMatch(stdout, /\(429\)/)
  const report = await reportIn(shell)
  t.same(report.notes, notesIn(stdout))
  t.ok((report.refusals.ERR_STORE_UNAVAILABLE as number) > 0)
  t.equal(report.account.lost, 0)
})
