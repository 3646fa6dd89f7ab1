import type { Report } from '../../src/load/report.ts'
import { type Test, test } from '../_util/tap.ts'
import { bothStores } from '../conformance/stores.ts'
import { createShell } from '../integration/cli-setup.ts'
import { faultyRelay, relayFor } from './setup.ts'

/** One deposit in so many has the fault: PLANTED_EVERY=10000 is the long form. */
const EVERY = Number(process.env.PLANTED_EVERY ?? 50)
const RATE = Math.min(2_500, EVERY * 5)
/** Enough for a few of them. */
const SECONDS = Math.ceil((EVERY * 5) / RATE) + 1
const IS_LONG = SECONDS > 5
const LEAST_PLANTED = IS_LONG ? 1 : 3

/** What each fault must be found as, where so many were planted, and nothing else. */
const FINDINGS: Record<string, (planted: number) => Partial<Report['account']>> = {
  drop: (planted) => ({ lost: planted }),
  duplicate: (planted) => ({ duplicated: planted }),
  swap: (planted) => ({ misdelivered: planted, lost: planted }),
  corrupt: (planted) => ({ corrupted: planted }),
  reorder: (planted) => ({ outOfOrder: planted }),
}

const CLEAN = { lost: 0, duplicated: 0, misdelivered: 0, corrupted: 0, outOfOrder: 0, unexpected: 0, outstanding: 0 }

async function loadWith(t: Test, url: string): Promise<{ code: number | null; report: Report; stderr: string }> {
  const { lethe } = await createShell(t)
  // One sender, so that every exchanged pair has an order that was promised.
  const people = ['--senders', '1', '--recipients', '3', '--answer-timeout', '5s']
  const args = ['--rate', String(RATE), '--duration', `${SECONDS}s`, ...people]
  const { code, stdout, stderr } = await lethe(['load', url, ...args, '--json', '-'])
  return { code, report: JSON.parse(stdout), stderr }
}

for (const { name, env } of bothStores()) {
  test(`lethe load finds nothing wrong where nothing is, ${name}`, async (t) => {
    const relay = await relayFor(t, env)
    const { code, report } = await loadWith(t, relay.url)
    t.match(report.account, { ...CLEAN, unsure: 0, redelivered: 0 })
    t.equal(report.account.delivered, report.account.sent)
    t.ok(report.account.sent > 300)
    t.equal(code, 0)
  })

  test(`lethe load finds every planted drop, duplicate, swap, corruption and reordering, ${name}`, async (t) => {
    // Side by side where most of each is waiting.
    const all: Promise<void>[] = []
    let before = Promise.resolve()
    for (const [kind, findingsOf] of Object.entries(FINDINGS)) {
      const found = before.then(async () => {
        const relay = await faultyRelay(t, `${kind}:${EVERY}`, env)
        const { code, report, stderr } = await loadWith(t, relay.url)
        const planted = relay.planted()
        t.ok(planted >= LEAST_PLANTED, `${kind}: ${planted} planted`)
        t.match(report.account, { ...CLEAN, ...findingsOf(planted) }, kind)
        t.equal(code, 1, kind)
        t.match(stderr, /lethe load: missed: /)
      })
      if (IS_LONG) before = found
      all.push(found)
    }
    await Promise.all(all)
  })
}
