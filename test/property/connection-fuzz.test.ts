import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from '../_util/tap.ts'
import { closeFrame, createMailbox, openFrame } from '../conformance/client.ts'
import { Bench } from './connection-bench.ts'
import { checkDepositConnection, depositActions } from './connection-deposits.ts'
import { MailboxPeer } from './connection-peer.ts'

const RUNS = 400
/** What failed is tried again after 2 s. */
const RETRY_MS = 2_100

const peer = fc.nat({ max: 3 })
const channel = fc.nat({ max: 4 })
const mailbox = fc.nat({ max: 2 })
const pick = fc.nat({ max: 1_000 })

/** Frames that are none, and some that are by chance. */
const noise = fc.oneof(
  fc.uint8Array({ maxLength: 120 }),
  fc
    .tuple(fc.constantFrom(1, 2, 3), fc.uint8Array({ maxLength: 120 }))
    .map(([type, rest]) => Uint8Array.of(type, ...rest)),
  fc.nat({ max: 98 }).map((length) => openFrame(1, createMailbox().publicKey, Buffer.alloc(64)).subarray(0, length)),
  fc.constant(new Uint8Array(0)),
  fc.nat({ max: 65_535 }).map((number) => closeFrame(number)),
)

const action = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('connect' as const), peer }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      peer,
      channel,
      mailbox,
      proof: fc.constantFrom('good', 'good', 'good', 'forged', 'foreign'),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('deposit' as const),
      mailbox,
      size: fc.nat({ max: 1 }),
      ttl: fc.constantFrom(0, 60, 86_400, 86_400, 604_800),
      count: fc.integer({ min: 1, max: 7 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('ack' as const),
      peer,
      channel,
      pick,
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ack-any' as const), peer, channel, pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), peer, channel }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('noise' as const), peer, bytes: noise }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('read' as const), peer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), peer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const), peer }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(10, 900, 4_000, 11_000, 31_000) }),
  },
  { weight: 14, arbitrary: fc.record({ do: fc.constant('quiet' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), isDown: fc.boolean() }) },
)

type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** A relay without sockets, and up to four clients of it. */
class Run {
  readonly bench = new Bench()
  readonly #peers: MailboxPeer[] = []

  async act(action: Action): Promise<void> {
    if (action.do === 'quiet') return this.bench.quiet()
    if (action.do === 'wait') return this.#wait(action.ms)
    if (action.do === 'cut') return this.#cut(action.isDown)
    if (action.do === 'deposit') {
      const to = this.bench.mailboxes[action.mailbox] as (typeof this.bench.mailboxes)[0]
      for (let i = 0; i < action.count; i++) this.bench.deposit(to, action.size, action.ttl)
      return
    }
    const peer = this.#peers[action.peer]
    if (action.do === 'connect' || peer === undefined) this.#peers[action.peer] = this.#connect(peer)
    else this.#ask(peer, action)
  }

  #connect(old: MailboxPeer | undefined): MailboxPeer {
    if (old?.isConnected) old.lose()
    return new MailboxPeer(this.bench)
  }

  #ask(peer: MailboxPeer, action: Exclude<Action, { do: 'quiet' | 'wait' | 'cut' | 'deposit' | 'connect' }>): void {
    if (action.do === 'open')
      peer.open(action.channel, this.bench.mailboxes[action.mailbox] as never, action.proof as 'good')
    else if (action.do === 'leave') peer.leave(action.channel)
    else if (action.do === 'noise') peer.receive(action.bytes)
    else if (action.do === 'read') peer.readAll()
    else if (action.do === 'lose') peer.lose()
    else if (action.do === 'drain') peer.drain()
    else peer.ack(action.channel, this.#idsFor(peer, action))
  }

  /** Of the channel, the oldest first, or any that were ever seen; where there are none, ids of nothing. */
  #idsFor(peer: MailboxPeer, action: Extract<Action, { do: 'ack' | 'ack-any' }>): string[] {
    const known = action.do === 'ack' ? peer.channels.get(action.channel)?.received : this.bench.named
    const ids = [...(known?.keys() ?? [])]
    if (ids.length === 0) return ['5a'.repeat(16)]
    if (action.do === 'ack-any') return [ids[action.pick % ids.length] as string, '00'.repeat(16)]
    const unacknowledged = [...(peer.channels.get(action.channel)?.unacknowledged.keys() ?? [])]
    return (unacknowledged.length > 0 ? unacknowledged : ids).slice(0, action.count)
  }

  #cut(isDown: boolean): void {
    this.bench.store.cut(isDown)
    for (const peer of this.#peers) peer?.mayMiss()
  }

  #wait(ms: number): void {
    const pass = this.#peers.reduce(
      (passed, peer) => () => (peer ? peer.idle(passed) : passed()),
      () => this.bench.clock.advance(ms),
    )
    pass()
  }

  /** Everybody reads what there is, and nothing that there is room for is left. */
  async settle(): Promise<void> {
    this.#cut(false)
    await this.bench.quiet()
    this.#wait(RETRY_MS)
    let mayGoOn = true
    while (mayGoOn) {
      await this.bench.quiet()
      const unread = this.#peers.filter((peer) => peer?.isConnected && peer.bufferedBytes > 0)
      for (const peer of unread) peer.readAll()
      mayGoOn = unread.length > 0
    }
    for (const peer of this.#peers) peer?.checkSettled()
    const open = this.#peers.filter((peer) => peer?.isConnected).flatMap((peer) => [...peer.channels.values()])
    for (const mailbox of this.bench.mailboxes) {
      const channels = open.filter((channel) => channel.mailbox === mailbox && channel.state === 'open')
      assert.ok(channels.length <= 1, 'one of several OPENs has won')
    }
  }

  /** What was accepted and not acknowledged is there for whoever opens the mailbox next. */
  async checkNothingLost(): Promise<void> {
    for (const mailbox of this.bench.mailboxes) {
      const waiting = this.bench.waiting(mailbox)
      const peer = new MailboxPeer(this.bench)
      peer.open(1, mailbox, 'good')
      for (let round = 0; round < waiting.length + 50; round++) {
        await this.bench.quiet()
        peer.readAll()
        const ids = [...(peer.channels.get(1)?.unacknowledged.keys() ?? [])]
        if (ids.length > 0) peer.ack(1, ids)
      }
      const received = [...(peer.channels.get(1)?.received.values() ?? [])].filter(
        (one) => !(one.mayComeAgain && !waiting.includes(one)),
      )
      const sorted = (all: typeof waiting) => all.map(({ number }) => number).sort((a, b) => a - b)
      assert.deepEqual(sorted(received), sorted(waiting), 'all of it, and nothing else')
      assert.equal(peer.channels.get(1)?.drains, 1)
      peer.lose()
    }
  }
}

async function runActions(actions: readonly Action[]): Promise<void> {
  const run = new Run()
  await run.bench.start()
  for (const each of actions) {
    await run.act(each)
    run.bench.checkKept()
  }
  await run.settle()
  await run.checkNothingLost()
  run.bench.checkKept()
  await run.bench.end()
}

test('[protocol §5] a mailbox socket keeps its promises, whatever comes in whatever order', async (t) => {
  const property = fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 120, size: 'max' }), runActions)
  await t.resolves(fc.assert(property, { numRuns: RUNS }))
})

test('[protocol §4] a deposit socket keeps its promises, whatever comes in whatever order', async (t) => {
  await t.resolves(fc.assert(fc.asyncProperty(depositActions, checkDepositConnection), { numRuns: RUNS }))
})
