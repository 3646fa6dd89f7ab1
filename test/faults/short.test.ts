import { test } from '../_util/tap.ts'
import type { AnyFault } from './frame/fault.ts'
import { FAULTS } from './rows/all.ts'
import { sickRelay } from './rows/machine.ts'
import { slowClients } from './rows/slow.ts'

/** `npm run test:faults` has all of them, for all their rounds. */
const named = (name: string) => FAULTS[name] as AnyFault
const SHORT = [named('kill-relays'), named('empty-redis'), sickRelay, slowClients(60)]
const PLANTED = [named('kill-relays'), sickRelay]

test('faults under traffic: nothing accepted is lost, and all is well again', async (t) => {
  // Side by side: most of each is waiting.
  await Promise.all(
    SHORT.map(async (fault) => {
      const { problems, report } = await fault.run({ rounds: 1 })
      t.same(problems, [], `${fault.name}: ${report.account.accepted} accepted`)
    }),
  )
})

test('the same with bugs planted in the relays: each is seen', async (t) => {
  await Promise.all(
    PLANTED.map(async (fault) => {
      const { problems } = await fault.run({ rounds: 1, bug: fault.bug })
      t.ok(problems.length > 0, `${fault.name}, ${fault.bug}: ${problems.join('; ')}`)
    }),
  )
})
