import type { Counts } from '../../src/mailbox/counts.ts'
import { Erasures } from '../../src/mailbox/erasures.ts'
import { type Bucket, type MailboxStore, StoreUnavailableError } from '../../src/mailbox/mailbox-store.ts'
import { test } from '../_util/tap.ts'

const EXPIRY = 1_000
const bucket = { partition: 0, classIndex: 0, expiresAt: EXPIRY } as Bucket

/** A store whose time is up to the test, and that fails as often as it says. */
function erasuresAt(nowSeconds: number, failures = 0) {
  const told = { tries: 0, acknowledged: 0 }
  const store: Pick<MailboxStore, 'erase' | 'nowSeconds'> = {
    nowSeconds: () => nowSeconds,
    erase: async (_bucket, seqs) => {
      if (told.tries++ < failures) throw new StoreUnavailableError()
      return seqs.length
    },
  }
  const counts: Pick<Counts, 'acknowledged'> = {
    acknowledged: (envelopes) => {
      told.acknowledged += envelopes
    },
  }
  return { told, erasures: new Erasures(store as MailboxStore, counts as Counts, () => {}) }
}

test('what is acknowledged is erased although its time seems to be up: the clock of the store may have jumped back', async (t) => {
  const { told, erasures } = erasuresAt(EXPIRY + 1)
  await erasures.erase(bucket, [1, 2])
  t.same(told, { tries: 1, acknowledged: 2 })
})

test('what the store did not erase is tried again until its time is up', async (t) => {
  const { told, erasures } = erasuresAt(EXPIRY - 1, 2)
  const erased = erasures.erase(bucket, [1])
  for (const tries of [1, 2]) {
    await new Promise(setImmediate)
    t.same(told, { tries, acknowledged: 0 })
    erasures.retry()
  }
  await erased
  t.same(told, { tries: 3, acknowledged: 1 })
  const late = erasuresAt(EXPIRY, 1)
  const ended = late.erasures.erase(bucket, [1])
  await new Promise(setImmediate)
  late.erasures.retry()
  await ended
  t.same(late.told, { tries: 1, acknowledged: 0 })
})
