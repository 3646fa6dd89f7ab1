import type { Counts } from '../../src/mailbox/counts.ts'
import { Erasures } from '../../src/mailbox/erasures.ts'
import type { Bucket, MailboxStore } from '../../src/mailbox/mailbox-store.ts'
import { turn } from '../_util/sessions.ts'
import { test } from '../_util/tap.ts'

const EXPIRY = 1_000
const bucket = { partition: 0, classIndex: 0, expiresAt: EXPIRY } as Bucket

/** A store whose time is up to the test, and that fails as often as it says. */
function erasuresAt(nowSeconds: number, failures = 0) {
  const told = { tries: 0, acknowledged: 0, gone: 0 }
  const store: Pick<MailboxStore, 'erase' | 'nowSeconds'> = {
    nowSeconds: () => nowSeconds,
    erase: (erasure) => {
      if (told.tries++ < failures) queueMicrotask(() => erasure.failed())
      else queueMicrotask(() => erasure.erased(erasure.seqs.length))
    },
  }
  const counts: Pick<Counts, 'acknowledged'> = {
    acknowledged: (envelopes) => {
      told.acknowledged += envelopes
    },
  }
  const onGone = (_progress: unknown, envelopes: number) => {
    told.gone += envelopes
  }
  const parts = { store: store as MailboxStore, counts: counts as Counts, onGone, onOverflow() {} }
  return { told, erasures: new Erasures(parts) }
}

test('what is acknowledged is erased although its time seems to be up: the clock of the store may have jumped back', async (t) => {
  const { told, erasures } = erasuresAt(EXPIRY + 1)
  erasures.erase(bucket, [1, 2])
  await turn()
  t.same(told, { tries: 1, acknowledged: 2, gone: 2 })
})

test('what the store did not erase is tried again until its time is up', async (t) => {
  const { told, erasures } = erasuresAt(EXPIRY - 1, 2)
  erasures.erase(bucket, [1])
  for (const tries of [1, 2]) {
    await turn()
    t.same(told, { tries, acknowledged: 0, gone: 0 })
    erasures.retry()
  }
  await turn()
  t.same(told, { tries: 3, acknowledged: 1, gone: 1 })
  const late = erasuresAt(EXPIRY, 1)
  late.erasures.erase(bucket, [1])
  await turn()
  late.erasures.retry()
  await turn()
  t.same(late.told, { tries: 1, acknowledged: 0, gone: 1 })
})
