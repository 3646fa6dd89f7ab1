import type { Counts } from '../../src/mailbox/counts.ts'

/** For parts of a relay that are tested without what they count. */
export const ignoredCounts: Counts = {
  accepted() {},
  full() {},
  unavailable() {},
  shed() {},
  pushed() {},
  read() {},
  fetched() {},
  acknowledged() {},
  stalled() {},
  openMailbox() {},
  wakeUp() {},
}
