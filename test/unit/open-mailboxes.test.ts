import { type HandedEnvelope, OpenMailboxes, type QueueListener } from '../../src/mailbox/open-mailboxes.ts'
import { ignoredCounts } from '../_util/counts.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { type Test, test } from '../_util/tap.ts'

const WAKE_KEY = 'wake key'
const HOURLY = { partition: 0, tag: new Uint8Array(16), sizeIndex: 0, classIndex: 2, expiresAt: 1_764_000_000 }
const LATER = { ...HOURLY, expiresAt: HOURLY.expiresAt + 600 }
const DAILY = { ...HOURLY, classIndex: 3 }
const LARGE = { ...HOURLY, sizeIndex: 1 }
type Name = Pick<typeof HOURLY, 'sizeIndex' | 'classIndex' | 'expiresAt'>

const handed = ({ sizeIndex, classIndex, expiresAt }: Name): HandedEnvelope => ({
  sizeIndex,
  classIndex,
  expiresAt,
  seq: 1,
  isFirst: true,
  envelopeOffset: 0,
  take: () => undefined,
})

/** One mailbox with one listener, who writes down what it is told. */
function setUp(t: Test, { isListening = true } = {}) {
  const openMailboxes = new OpenMailboxes(createManualClock(0), ignoredCounts, () => {})
  t.teardown(() => openMailboxes.close())
  const heard: string[] = []
  const listener: QueueListener = {
    isListening,
    wake: (_key, ...bucket) => void heard.push(`look ${bucket}`),
    handOver: (_key, { sizeIndex, classIndex, expiresAt }) =>
      void heard.push(`take ${[sizeIndex, classIndex, expiresAt]}`),
    announced() {},
    resume() {},
    look() {},
    storeReplaced() {},
  }
  openMailboxes.add([WAKE_KEY], listener)
  return {
    openMailboxes,
    listener,
    wake: ({ sizeIndex, classIndex, expiresAt }: Name) =>
      openMailboxes.wake(WAKE_KEY, sizeIndex, classIndex, expiresAt),
    /** What was heard since the last call. */
    heard: () => heard.splice(0),
  }
}

const look = ({ sizeIndex, classIndex, expiresAt }: Name) => `look ${[sizeIndex, classIndex, expiresAt]}`
const take = ({ sizeIndex, classIndex, expiresAt }: Name) => `take ${[sizeIndex, classIndex, expiresAt]}`

test('the wake-up of a deposit of this relay is not passed on, before or after its settlement', async (t) => {
  const { openMailboxes, wake, heard } = setUp(t)
  const [first, second] = [openMailboxes.expect(WAKE_KEY, HOURLY), openMailboxes.expect(WAKE_KEY, HOURLY)]
  wake(HOURLY)
  first?.stored(handed(HOURLY), true)
  second?.stored(handed(HOURLY), true)
  wake(HOURLY)
  t.same(heard(), [take(HOURLY), take(HOURLY)])
  wake(HOURLY)
  t.same(heard(), [look(HOURLY)], 'the next one is somebody else’s')
})

for (const [difference, other] of Object.entries({ expiry: LATER, 'TTL class': DAILY, size: LARGE })) {
  test(`[protocol §8] a wake-up for another ${difference} is passed on while one of this relay’s own is to come`, async (t) => {
    const { openMailboxes, wake, heard } = setUp(t)
    const own = openMailboxes.expect(WAKE_KEY, HOURLY)
    wake(other)
    t.same(heard(), [look(other)])
    own?.stored(handed(HOURLY), true)
    wake(HOURLY)
    t.same(heard(), [take(HOURLY)])
  })
}

test('a deposit that was refused leaves no count behind', async (t) => {
  const { openMailboxes, wake, heard } = setUp(t)
  openMailboxes.expect(WAKE_KEY, HOURLY)?.refused()
  wake(HOURLY)
  t.same(heard(), [look(HOURLY)])
})

test('[protocol §8] of deposits that were stored together, one has the wake-up', async (t) => {
  const { openMailboxes, wake, heard } = setUp(t)
  for (const isHeardFirst of [true, false]) {
    const own = Array.from({ length: 3 }, () => openMailboxes.expect(WAKE_KEY, HOURLY))
    if (isHeardFirst) wake(HOURLY)
    for (const [i, deposit] of own.entries()) deposit?.stored(handed(HOURLY), i === 0)
    if (!isHeardFirst) wake(HOURLY)
    t.same(heard(), [take(HOURLY), take(HOURLY), take(HOURLY)])
  }
  wake(HOURLY)
  t.same(heard(), [look(HOURLY)], 'and the next one is somebody else’s')
})

test('a wake-up of somebody else’s that came between deposits that have one together is made up for', async (t) => {
  const { openMailboxes, wake, heard } = setUp(t)
  const own = [openMailboxes.expect(WAKE_KEY, HOURLY), openMailboxes.expect(WAKE_KEY, HOURLY)]
  wake(HOURLY)
  wake(HOURLY)
  t.same(heard(), [], 'both might be own ones')
  for (const [i, deposit] of own.entries()) deposit?.stored(handed(HOURLY), i === 0)
  t.same(heard(), [take(HOURLY), look(HOURLY), take(HOURLY)])
})

test('a wake-up of somebody else’s that took the place of a refused deposit’s is made up for', async (t) => {
  const { openMailboxes, wake, heard } = setUp(t)
  const own = openMailboxes.expect(WAKE_KEY, HOURLY)
  wake(HOURLY)
  t.same(heard(), [], 'it might be the own one')
  own?.refused()
  t.same(heard(), [look(HOURLY)])
})

test('the bucket of a deposit whose outcome is unknown is looked into, whether its wake-up was held back or not', async (t) => {
  const { openMailboxes, wake, heard } = setUp(t)
  const own = openMailboxes.expect(WAKE_KEY, HOURLY)
  wake(HOURLY)
  own?.lost()
  t.same(heard(), [look(HOURLY)])
  openMailboxes.expect(WAKE_KEY, HOURLY)?.lost()
  wake(HOURLY)
  t.same(heard(), [look(HOURLY), look(HOURLY)])
})

test('after a gap every wake-up counts as somebody else’s', async (t) => {
  const { openMailboxes, wake, heard } = setUp(t)
  const own = openMailboxes.expect(WAKE_KEY, HOURLY)
  openMailboxes.up(true)
  own?.stored(handed(HOURLY), true)
  wake(HOURLY)
  t.same(heard(), [take(HOURLY), look(HOURLY)])
})

test('nothing is expected for nobody, nor for somebody whose wake-ups may not reach this relay', async (t) => {
  const { openMailboxes, wake, heard } = setUp(t, { isListening: false })
  t.equal(openMailboxes.expect('another key', HOURLY), undefined)
  openMailboxes.expect(WAKE_KEY, HOURLY)?.stored(handed(HOURLY), true)
  wake(HOURLY)
  t.same(heard(), [take(HOURLY), look(HOURLY)])
})
