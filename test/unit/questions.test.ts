import { randomBytes } from 'node:crypto'
import { DeliverySession } from '../../src/mailbox/delivery-session.ts'
import { StoreUnavailableError } from '../../src/mailbox/mailbox-store.ts'
import { OpenMailboxes } from '../../src/mailbox/open-mailboxes.ts'
import { deriveQueue } from '../../src/mailbox/sealing.ts'
import { createSystemRandom } from '../../src/mailbox/system-ports.ts'
import { createMemoryStore } from '../../src/store/memory/mailbox-store.ts'
import { ignoredCounts } from '../_util/counts.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { listeningOutlet, PLAIN_POLICY, turn } from '../_util/sessions.ts'
import { test } from '../_util/tap.ts'

/** Two relays on one store, whose subscriptions to claims can fail each for itself. */
async function twoRelays() {
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  const store = createMemoryStore({ clock, capacityBytes: 1_000_000 })
  const way = { isCut: false }
  const announce = store.announce.bind(store)
  store.announce = (...said) => (way.isCut ? Promise.reject(new StoreUnavailableError()) : announce(...said))
  const relays = [true, true].map(() => {
    const openMailboxes = new OpenMailboxes(clock, ignoredCounts, () => {})
    return { openMailboxes, isHearing: true }
  })
  await store.start({
    wake: (...wake) => {
      for (const { openMailboxes } of relays) openMailboxes.wake(...wake)
    },
    announced: (...said) => {
      for (const { openMailboxes, isHearing } of relays) if (isHearing) openMailboxes.announced(...said)
    },
    up() {},
    down() {},
    replaced() {},
  })
  const [secret, address] = [randomBytes(32), randomBytes(32)]
  const open = async (relay: (typeof relays)[number]) => {
    const said: string[] = []
    const { openMailboxes } = relay
    const parts = {
      store,
      clock,
      policy: PLAIN_POLICY,
      random: createSystemRandom(),
      openMailboxes,
      counts: ignoredCounts,
    }
    const session = new DeliverySession(parts, [deriveQueue(secret, address)], listeningOutlet(said))
    await session.open()
    await turn()
    return said
  }
  const close = async () => {
    for (const { openMailboxes } of relays) openMailboxes.close()
    await store.close()
  }
  return { clock, way, relays: relays as [(typeof relays)[0], (typeof relays)[0]], open, close }
}

test('a session that missed a claim learns of it when it hears again', async (t) => {
  const { relays, open, close } = await twoRelays()
  t.teardown(close)
  const [first, second] = relays
  const early = await open(first)
  first.isHearing = false
  const late = await open(second)
  t.same([early.at(-1), late.at(-1)], ['drained', 'drained'], 'both believe to be the only one')
  first.isHearing = true
  first.openMailboxes.up(true)
  await turn()
  await turn()
  t.equal(early.at(-1), 'displaced')
  t.notOk(late.includes('displaced'))
})

test('a session whose question could not be sent asks again', async (t) => {
  const { clock, way, relays, open, close } = await twoRelays()
  t.teardown(close)
  const [first, second] = relays
  const early = await open(first)
  first.isHearing = false
  const late = await open(second)
  first.isHearing = true
  way.isCut = true
  first.openMailboxes.up(true)
  await turn()
  for (let i = 0; i < 5; i++) {
    clock.advance(2_000)
    await turn()
  }
  t.notOk(early.includes('displaced'), 'nobody has heard it')
  way.isCut = false
  clock.advance(2_000)
  await turn()
  await turn()
  t.equal(early.at(-1), 'displaced')
  t.notOk(late.includes('displaced'))
})

test('of two sessions that ask at once exactly one stays, also if the time of day jumps meanwhile', async (t) => {
  for (let round = 0; round < 40; round++) {
    const { relays, clock, open, close } = await twoRelays()
    const [first, second] = relays
    const early = await open(first)
    first.isHearing = false
    const late = await open(second)
    first.isHearing = true
    for (const { openMailboxes } of relays) openMailboxes.up(true)
    if (round % 2 === 1) clock.jump(3_600_000)
    for (let i = 0; i < 5; i++) await turn()
    t.equal([early, late].filter((said) => said.includes('displaced')).length, 1)
    await close()
  }
})
