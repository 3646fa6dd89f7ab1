import { randomBytes } from 'node:crypto'
import { countActivity } from '../../ops/forensics/attack-activity.ts'
import { estimateLetheArrivals, estimatePlainArrivals, findHints } from '../../ops/forensics/attack-arrival.ts'
import { linkLethe, linkPlain } from '../../ops/forensics/attack-linking.ts'
import type { Truth } from '../../ops/forensics/layout.ts'
import { writeLetheDay } from '../../ops/forensics/lethe-layout.ts'
import { type Observed, observeCopy, withConnection } from '../../ops/forensics/observe.ts'
import { writePlainDay } from '../../ops/forensics/plain-layout.ts'
import { simulateDay } from '../../ops/forensics/simulated-day.ts'
import { slotSeconds } from '../../src/protocol/retention.ts'
import { startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'

const MAILBOXES = 400
const DAY = 3

const day = simulateDay(MAILBOXES, Date.now(), 7)
const endSeconds = day.endMs / 1000
const storeSecret = randomBytes(32)

/** Writes the day into a Redis of its own, and gives what a thief of its RDB file sees. */
async function steal(t: Test, write: (redis: Parameters<typeof writeLetheDay>[0]) => Promise<Truth>) {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const truth = await withConnection(server, write)
  return { truth, copy: await observeCopy(server) }
}

function strongest({ hints }: ReturnType<typeof findHints>): number {
  return Math.max(...hints.map(({ correlation }) => Math.abs(correlation)))
}

test('a copy of a Lethe store', async (t) => {
  const { truth, copy } = await steal(t, (redis) => writeLetheDay(redis, day, storeSecret))
  t.ok(copy.length > 100, 'it holds something')
  t.equal(copy.length, truth.size)

  await t.test('[protocol §3] tells when an envelope came to within its slot', async (t) => {
    const { windows, outside, envelopes } = estimateLetheArrivals(copy, truth, endSeconds)
    t.ok(envelopes > 200)
    t.equal(outside, 0, 'all came within their windows')
    // Of the longer classes none may have ended, and of the shorter ones none wait, depending on the time of day.
    t.ok(windows.has(DAY))
    for (const [classIndex, { narrowest, widest }] of windows) {
      t.equal(narrowest, slotSeconds(classIndex), `class ${classIndex}: no window is narrower`)
      t.equal(widest, slotSeconds(classIndex), `class ${classIndex}: none is wider`)
    }
  })

  await t.test('and nothing in it narrows that', async (t) => {
    const hints = findHints(copy, truth, endSeconds)
    t.ok(hints.envelopes > 50)
    t.ok(strongest(hints) < hints.chance, `${strongest(hints)} is below ${hints.chance}`)
    // That this would be seen: stream ids that begin at the time instead of anywhere.
    const telling = copy.map((bucket): Observed => {
      const [first] = truth.get(bucket.key)?.waiting.values() ?? []
      const place =
        ((first?.arrivedMs ?? 0) / 1000 - (bucket.expiresAt as number)) / slotSeconds(first?.classIndex ?? DAY)
      return { ...bucket, lastId: `0-${(place + 10) * 1e6}` }
    })
    t.ok(strongest(findHints(telling, truth, endSeconds)) > hints.chance)
  })

  await t.test('[protocol §1] ties to known addresses by chance only, without storeSecret', async (t) => {
    const { hits, mostByLuck, addresses } = linkLethe(copy, truth, day.addresses)
    t.ok(addresses > 100)
    t.ok(hits <= mostByLuck, `${hits} of ${addresses} are no more than luck`)
    const withSecret = linkLethe(copy, truth, day.addresses, [storeSecret])
    t.equal(withSecret.hits, addresses, 'with storeSecret the same attack is right every time')
  })

  await t.test('[protocol §8] holds nothing of mailboxes that are empty', async (t) => {
    const { emptied, emptiedVisible } = countActivity(copy, truth, day)
    t.ok(emptied > 50)
    t.equal(emptiedVisible, 0)
  })
})

test('the same attacks on a plain layout find everything', async (t) => {
  const { truth, copy } = await steal(t, (redis) => writePlainDay(redis, day))
  t.equal(estimatePlainArrivals(copy, truth).withinSecondShare, 1)
  const { hits, addresses } = linkPlain(copy, truth, day.addresses)
  t.equal(hits, addresses)
  const activity = countActivity(copy, truth, day)
  t.equal(activity.deliveredCounted, activity.delivered)
  t.equal(activity.emptiedVisible, activity.emptied)
})
