import { setTimeout as sleep } from 'node:timers/promises'
import type { Waiting } from '../mailbox/mailbox-store.ts'
import { toBase64url } from '../protocol/bytes.ts'
import { defineCommand } from './command.ts'
import { Person } from './demo-person.ts'
import type { DemoRelay } from './demo-relay.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'

const TIME_LIMIT_MS = 10_000
const STEP_LIMIT_MS = 4_000
const LIVE = 100
const OFFLINE = 200
const FIRST_HALF = OFFLINE / 2
const BAR_WIDTH = 40

export const demoCommand = defineCommand({
  name: 'demo',
  summary: 'watch a relay while two people write to each other',
  options: {},
  about: `
Starts a relay with the memory store in this process, lets two people send each other some hundred messages while one
of them goes offline and comes back, and looks into the store at every moment. Takes a few seconds, touches nothing on
this machine, and exits with 1 if a message was lost or anything is left at the end.`,
  async run() {
    const { startDemoRelay } = await import('./demo-relay.ts')
    const relay = await startDemoRelay()
    const people = [new Person('Ann', relay.url), new Person('Bob', relay.url)] as const
    const ended = new AbortController()
    try {
      await Promise.race([play(relay, ...people), failLate(ended.signal)])
    } finally {
      ended.abort()
      await Promise.all(people.map((person) => person.leave()))
      await relay.stop()
    }
    return EXIT.ok
  },
})

async function failLate(signal: AbortSignal): Promise<never> {
  await sleep(TIME_LIMIT_MS, undefined, { signal })
  throw new Failure(EXIT.failed, `the demo was not done after ${TIME_LIMIT_MS / 1_000} seconds`)
}

async function play(relay: DemoRelay, ann: Person, bob: Person): Promise<void> {
  say(`A relay runs at ${relay.url}. Ann and Bob have made a mailbox each, and know each other's address.`)
  say('Their messages are plain text here; an application encrypts them before the relay gets them.')
  await tell(relay, 0)
  await talk(relay, ann, bob)
  await missAndCatchUp(relay, ann, bob)
  say(`\nEvery message arrived, once and in order: ${ann.received.length} at Ann's, ${bob.received.length} at Bob's.`)
  say('The relay has forgotten them all. That Ann and Bob exist is written nowhere in its store, and never was.')
}

async function talk(relay: DemoRelay, ann: Person, bob: Person): Promise<void> {
  step(`Both are online and write ${LIVE} messages each`)
  ann.goOnline()
  bob.goOnline()
  await Promise.all([ann.write(bob, numbered('from Ann', 1, LIVE)), bob.write(ann, numbered('from Bob', 1, LIVE))])
  await until('all have arrived', () => ann.received.length === LIVE && bob.received.length === LIVE)
  await tell(relay, 0)
}

async function missAndCatchUp(relay: DemoRelay, ann: Person, bob: Person): Promise<void> {
  step(`Bob goes offline, and Ann writes ${OFFLINE} more`)
  await bob.goOffline()
  await ann.write(bob, numbered('from Ann', LIVE + 1, LIVE + OFFLINE))
  await tell(relay, OFFLINE)

  step(`Bob comes back, reads ${FIRST_HALF}, and is gone again`)
  await bob.receiveSome(FIRST_HALF)
  await tell(relay, OFFLINE - FIRST_HALF)

  step('Bob comes back and reads the rest')
  bob.goOnline()
  await until('all have arrived', () => bob.received.length === LIVE + OFFLINE)
  await tell(relay, 0)
  expectAll(ann, numbered('from Bob', 1, LIVE))
  expectAll(bob, numbered('from Ann', 1, LIVE + OFFLINE))
}

function expectAll({ name, received }: Person, sent: readonly string[]): void {
  if (received.join() === sent.join()) return
  const lost = sent.filter((message) => !received.includes(message)).length
  throw new Failure(EXIT.failed, `of ${sent.length} messages to ${name} ${lost} were lost, or the order was`)
}

/** Waits until the store holds so many envelopes, and prints what it holds. */
async function tell(relay: DemoRelay, expected: number): Promise<void> {
  let held: Waiting[] = []
  await until(`the relay holds ${expected}`, async () => {
    held = await relay.held()
    return count(held) === expected
  })
  if (held.length === 0) return say(`  ${bar(0)}The store holds nothing.`)
  say(`  ${bar(expected)}The store holds ${expected} sealed envelopes:`)
  for (const { bucket, count } of held) {
    const expiry = new Date(bucket.expiresAt * 1_000).toISOString().slice(0, 16).replace('T', ' ')
    say(`    ${count} in bucket ${toBase64url(bucket.tag)}, size ${bucket.sizeIndex}, to be erased at ${expiry} UTC`)
  }
  say(
    '    and that is all it could be made to give: not whose they are, nor who sent them, nor when to within 4 hours.',
  )
}

function count(held: readonly Waiting[]): number {
  return held.reduce((sum, { count }) => sum + count, 0)
}

/** Looks again and again; what does not come in time, never comes. */
async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + STEP_LIMIT_MS
  while (!(await check())) {
    if (performance.now() > deadlineMs) throw new Failure(EXIT.failed, `it did not happen that ${what}`)
    await sleep(10)
  }
}

function numbered(prefix: string, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `${prefix} ${from + i}`)
}

/** Only for the eye: without a terminal there is none. */
function bar(value: number): string {
  if (!process.stdout.isTTY) return ''
  const filled = Math.round((value / OFFLINE) * BAR_WIDTH)
  return `${paint('36', '█'.repeat(filled))}${paint('2', '·'.repeat(BAR_WIDTH - filled))} `
}

function step(text: string): void {
  say(`\n${paint('1', text)}`)
}

function paint(style: string, text: string): string {
  return process.stdout.isTTY && process.stdout.hasColors() ? `\u001b[${style}m${text}\u001b[0m` : text
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
