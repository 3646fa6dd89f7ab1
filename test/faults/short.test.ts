import { test } from '../_util/tap.ts'
import type { AnyFault } from './frame/fault.ts'
import { FAULTS } from './rows/all.ts'

/** `npm run test:faults` has all of them, for all their rounds. */
const SHORT = ['kill-relays', 'empty-redis'] as const
const PLANTED = ['kill-relays'] as const

test('faults under traffic: nothing accepted is lost, and all is well again', async (t) => {
  // Side by side: most of each is waiting.
  await Promise.all(
    SHORT.map(async (name) => {
      const { problems, report } = await (FAULTS[name] as AnyFault).run({ rounds: 1 })
      t.same(problems, [], `${name}: ${report.account.accepted} accepted`)
    }),
  )
})

test('the same with bugs planted in the relays: each is seen', async (t) => {
  await Promise.all(
    PLANTED.map(async (name) => {
      const fault = FAULTS[name] as AnyFault
      const { problems } = await fault.run({ rounds: 1, bug: fault.bug })
      t.ok(problems.length > 0, `${name}, ${fault.bug}: ${problems.join('; ')}`)
    }),
  )
})
