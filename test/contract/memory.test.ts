import { createMemoryStore } from '../../src/store/memory/mailbox-store.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { runContract } from './mailbox-store.ts'

runContract('memory', {
  create: () => {
    const clock = createManualClock(Date.UTC(2026, 10, 23, 4, 5, 6, 789))
    return {
      open: () => createMemoryStore({ clock, capacityBytes: 64 * 1024 * 1024 }),
      advance: (seconds) => clock.advance(seconds * 1000),
    }
  },
  isShared: false,
  isSelective: true,
})
