import { setImmediate as turn } from 'node:timers/promises'
import { Intake, MAX_INTAKE_BYTES, type Sender } from '../../src/mailbox/intake.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { test } from '../_util/tap.ts'

const MAX_WAIT_MS = 400
const BYTES = 4_041

/** Deposits at an intake, and a store behind it that does as many in a millisecond as it is told to, in order. */
class Bench {
  readonly #clock = createManualClock(1_800_000_000_000)
  readonly intake = new Intake({ maxWaitMs: MAX_WAIT_MS, clock: this.#clock, elapsedMs: () => this.#clock.nowMs() })
  readonly #waiting: { sender: Sender; sinceMs: number }[] = []
  #credit = 0
  refused = new Map<Sender, number>()
  accepted = 0
  longestMs = 0

  offer(sender: Sender, deposits = 1): void {
    for (let i = 0; i < deposits; i++) {
      if (this.intake.admit(sender, BYTES)) this.#waiting.push({ sender, sinceMs: this.#clock.nowMs() })
      else this.refused.set(sender, this.refusalsOf(sender) + 1)
    }
  }

  refusalsOf(sender: Sender): number {
    return this.refused.get(sender) ?? 0
  }

  get refusals(): number {
    return [...this.refused.values()].reduce((sum, count) => sum + count, 0)
  }

  /** What is counted is counted from now on. */
  forget(): void {
    this.refused.clear()
    this.accepted = 0
    this.longestMs = 0
  }

  /** Lets time go by, in steps of one event loop's turn. */
  async pass(ms: number, perMs: number, each: () => void = () => {}, stepMs = 1): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      for (let i = 0; i < stepMs; i++) each()
      this.#credit += perMs * stepMs
      for (; this.#credit >= 1 && this.#waiting.length > 0; this.#credit--) this.#answer()
      if (this.#waiting.length === 0) this.#credit = 0
      this.#clock.jump(stepMs - 1)
      await turn()
      this.#clock.advance(1)
    }
  }

  #answer(): void {
    const { sender, sinceMs } = this.#waiting.shift() as { sender: Sender; sinceMs: number }
    this.longestMs = Math.max(this.longestMs, this.#clock.nowMs() - sinceMs)
    this.accepted++
    this.intake.settle(sender, BYTES, true)
  }
}

const senders = (count: number): Sender[] => Array.from({ length: count }, () => ({ inHand: 0 }))

for (const perMs of [0.5, 2, 10, 40]) {
  test(`asked for twice as much as ${perMs} a millisecond, it does that, and nobody waits for long`, async (t) => {
    const bench = new Bench()
    const all = senders(100)
    let next = 0
    let due = 0
    const offerTwice = () => {
      for (due += perMs * 2; due >= 1; due--) bench.offer(all[next++ % all.length] as Sender)
    }
    await bench.pass(3_000, perMs, offerTwice)
    bench.forget()
    await bench.pass(3_000, perMs, offerTwice)
    t.ok(bench.accepted >= 3_000 * perMs * 0.99, `${bench.accepted} accepted`)
    t.ok(bench.refusals >= 3_000 * perMs * 0.9, `${bench.refusals} refused`)
    t.ok(bench.longestMs <= MAX_WAIT_MS * 1.1, `waited ${bench.longestMs} ms`)
  })
}

test('a relay that has little to do refuses nobody, and neither does a sender alone that is held back', async (t) => {
  const bench = new Bench()
  const [one] = senders(1) as [Sender]
  bench.offer(one, 1_000)
  t.equal(bench.refusals, 0, 'as much as one socket may have unanswered, and more')
  await bench.pass(300, 5)
  for (let i = 0; i < 20; i++) {
    bench.offer(one, 300)
    await bench.pass(500, 2)
  }
  t.equal(bench.refusals, 0, 'again and again')
})

test('who has much in hand is refused before who has little', async (t) => {
  const bench = new Bench()
  const greedy = senders(3)
  const modest = senders(2)
  let next = 0
  const offer = () => {
    for (const sender of greedy) bench.offer(sender, 20)
    // A fifth of what the store does, from both together.
    if (next++ % 5 === 0) for (const sender of modest) bench.offer(sender)
  }
  await bench.pass(1_000, 2, offer)
  bench.forget()
  await bench.pass(3_000, 2, offer)
  t.ok(greedy.every((sender) => bench.refusalsOf(sender) > 3_000 * 15))
  t.same(
    modest.map((sender) => bench.refusalsOf(sender)),
    modest.map(() => 0),
  )
})

test('while the store stands still little is taken in, and soon after it as much as before', async (t) => {
  const bench = new Bench()
  const all = senders(50)
  let next = 0
  const offer = () => bench.offer(all[next++ % all.length] as Sender, 4)
  await bench.pass(1_000, 8, offer)
  t.equal(bench.refusals, 0, 'half of what it can')
  await bench.pass(2_000, 0, offer)
  const admitted = 8_000 - bench.refusals
  t.ok(admitted <= 5 * MAX_WAIT_MS, `${admitted} were taken in while nothing was done`)
  await bench.pass(1_000, 8, offer)
  bench.forget()
  await bench.pass(1_000, 8, offer)
  t.equal(bench.refusals, 0, 'a second later')
})

test('what an event loop that is late has not seen yet counts: turns do not grow beyond half of the wait', async (t) => {
  const bench = new Bench()
  const all = senders(200)
  let next = 0
  // A store in this process, which does 10 a millisecond; each turn takes as long as what it takes in, and a refusal a
  // twentieth of that. Twice as much comes.
  let turnMs = 1
  let longestTurnMs = 0
  for (let passedMs = 0; passedMs < 6_000; passedMs += turnMs) {
    const [accepted, refused] = [bench.accepted, bench.refusals]
    const arrivals = turnMs * 20
    await bench.pass(
      turnMs,
      Number.POSITIVE_INFINITY,
      () => {
        for (let i = 0; i < arrivals / turnMs; i++) bench.offer(all[next++ % all.length] as Sender)
      },
      turnMs,
    )
    turnMs = Math.max(1, Math.ceil((bench.accepted - accepted) / 10 + (bench.refusals - refused) / 200))
    if (passedMs > 2_000) longestTurnMs = Math.max(longestTurnMs, turnMs)
  }
  t.ok(bench.refusals > 10_000, `${bench.refusals} refused`)
  t.ok(longestTurnMs <= MAX_WAIT_MS * 0.75, `the longest turn took ${longestTurnMs} ms`)
})

test('bytes on their way to the store are bounded, whoever sends them', async (t) => {
  const bench = new Bench()
  const { intake } = bench
  const all = senders(100)
  const bytes = 1_000_000
  const admitted = all.filter((sender) => intake.admit(sender, bytes))
  t.equal(admitted.length * bytes, MAX_INTAKE_BYTES)
  t.equal(intake.bytes, MAX_INTAKE_BYTES)
  intake.settle(admitted[0] as Sender, bytes, false)
  t.ok(intake.admit(all[99] as Sender, bytes), 'as one leaves, another comes')
})
