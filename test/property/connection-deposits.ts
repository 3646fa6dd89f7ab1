import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { UNLIMITED } from '../../src/mailbox/admission.ts'
import { type Deposit, Depositor } from '../../src/mailbox/deposit.ts'
import { DepositConnection } from '../../src/mailbox/deposit-connection.ts'
import { Intake } from '../../src/mailbox/intake.ts'
import { OpenMailboxes } from '../../src/mailbox/open-mailboxes.ts'
import { createSystemRandom } from '../../src/mailbox/system-ports.ts'
import { parseDepositAnswer } from '../../src/protocol/deposit-frames.ts'
import type { CloseCode } from '../../src/protocol/errors.ts'
import { createMemoryStore } from '../../src/store/memory/mailbox-store.ts'
import { ignoredCounts } from '../_util/counts.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { createMailbox, depositFrame } from '../conformance/client.ts'

const SIZES = [4_000, 64_000]
/** From here on a sender is held back. */
const HELD_BYTES = 1_000_000
/** Frames that `ws` may already have in hand when it is told to pause: one read of the socket. */
const IN_HAND_BYTES = 65_536

/** Answers when it is told to. */
class HeldDepositor extends Depositor {
  readonly held: (() => void)[] = []

  override deposit(deposit: Deposit): void {
    const { asker } = deposit
    super.deposit({
      ...deposit,
      asker: {
        accepted: (...answer) => this.held.push(() => asker.accepted(...answer)),
        refused: (...answer) => this.held.push(() => asker.refused(...answer)),
      },
    })
  }
}

const depositAction = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('deposit' as const),
      bytes: fc.constantFrom(4_000, 64_000, 64_000, 64_000, 0, 1, 3_999, 64_001),
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const), count: fc.nat({ max: 20 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('noise' as const), bytes: fc.uint8Array({ maxLength: 45 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) },
)

type DepositAction = typeof depositAction extends fc.Arbitrary<infer T> ? T : never

/** What may happen to a deposit socket. */
export const depositActions = fc.array(depositAction, { minLength: 5, maxLength: 60, size: 'max' })

/** One sender with a deposit socket: what it sent, and what must become of it. [protocol §4] */
class Sender {
  readonly depositor: HeldDepositor
  readonly #connection: DepositConnection
  readonly #address = createMailbox().address
  /** Sent, and not yet given to the connection, since that holds them back. */
  readonly #kernel: Buffer[] = []
  /** Length of every frame that must be answered, by its ref. */
  readonly #owed = new Map<number, number>()
  #refs = 0
  #violation: unknown
  #isPaused = false
  #inHandBytes = 0
  #isLost = false
  #isDraining = false
  #mayClose: CloseCode | undefined
  #closedWith: CloseCode | undefined

  constructor(depositor: HeldDepositor) {
    this.depositor = depositor
    this.#connection = new DepositConnection(
      depositor,
      SIZES,
      {
        send: (frame) => this.#check(() => this.#take(frame)),
        close: (code) => this.#check(() => this.#close(code)),
        pause: () => {
          if (!this.#isPaused) this.#inHandBytes = IN_HAND_BYTES
          this.#isPaused = true
        },
        resume: () => {
          this.#isPaused = false
        },
      },
      UNLIMITED,
    )
  }

  async act(action: DepositAction): Promise<void> {
    if (this.#violation) throw this.#violation
    if (action.do === 'turn') return turn()
    if (action.do === 'answer') this.#answer(action.count)
    else if (action.do === 'drain') this.#drain()
    else if (action.do === 'lose') this.#lose()
    else if (action.do === 'noise') this.#kernel.push(Buffer.from(action.bytes))
    else for (let i = 0; i < action.count; i++) this.#kernel.push(this.#frame(action.bytes))
    this.#arrive()
  }

  /** Everything is answered in the end, and nobody is held back for ever. */
  async finish(): Promise<void> {
    while (this.depositor.held.length > 0 || this.#kernel.length > 0) {
      await turn()
      this.#answer(1)
      this.#arrive()
      if (this.#violation) throw this.#violation
      if (this.#isOver) this.#kernel.length = 0
      else if (this.#isPaused) assert.ok(this.depositor.held.length > 0, 'nobody is held back for nothing')
    }
    if (this.#isLost || this.#closedWith === 4400) return
    assert.deepEqual([...this.#owed.keys()], [], 'every deposit is answered')
    assert.equal(this.#isPaused, false, 'and nobody is held back')
    assert.equal(this.#closedWith, this.#isDraining ? 1001 : undefined, 'closed when all is answered, not before')
  }

  /** The relay may catch what is thrown while it calls. */
  #check(checks: () => void): void {
    try {
      checks()
    } catch (violation) {
      this.#violation ??= violation
    }
  }

  get #isOver(): boolean {
    return this.#isLost || this.#closedWith !== undefined
  }

  #frame(bytes: number): Buffer {
    const ref = this.#refs++
    return depositFrame({ ref, ttl: 600, address: this.#address, envelope: Buffer.alloc(bytes, ref) })
  }

  /** What was sent reaches the connection, as long as that takes it, and one read of the socket beyond. */
  #arrive(): void {
    while (this.#kernel.length > 0 && !this.#isOver) {
      const [frame] = this.#kernel as [Buffer]
      if (this.#isPaused && this.#inHandBytes < frame.length) return
      this.#inHandBytes -= frame.length
      this.#kernel.shift()
      this.#give(frame)
    }
  }

  #give(frame: Buffer): void {
    const isDeposit = frame.length >= 41 && frame[0] === 1
    if (isDeposit && !this.#isDraining) this.#owed.set(frame.readUInt32BE(1), frame.length)
    if (!isDeposit && !this.#isDraining) this.#mayClose = 4400
    this.#connection.receive(frame)
    if (!isDeposit && !this.#isDraining) assert.equal(this.#closedWith, 4400, 'what does not parse closes')
    if (this.#isOver) return
    const owedBytes = [...this.#owed.values()].reduce((sum, bytes) => sum + bytes, 0)
    if (!this.#isPaused) assert.ok(owedBytes <= HELD_BYTES, 'held back in time')
    assert.ok(owedBytes <= HELD_BYTES + 2 * IN_HAND_BYTES, 'within its bound')
  }

  #answer(count: number): void {
    for (const answer of this.depositor.held.splice(0, count)) answer()
  }

  #drain(): void {
    if (this.#isOver) return
    this.#isDraining = true
    this.#mayClose = 1001
    this.#connection.drain()
  }

  #lose(): void {
    this.#isLost = true
    this.#connection.end()
  }

  #take(frame: Uint8Array): void {
    assert.ok(!this.#isOver, 'nothing is sent after the end')
    const answer = parseDepositAnswer(frame)
    const length = this.#owed.get(answer.ref)
    assert.ok(length !== undefined, 'one answer for each deposit')
    this.#owed.delete(answer.ref)
    const isSize = SIZES.includes(length - 41)
    if (answer.kind === 'error') assert.equal(answer.number, isSize ? 7 : 2)
    else assert.ok(isSize, 'only what has a size is accepted')
  }

  #close(code: CloseCode): void {
    assert.equal(this.#closedWith, undefined, 'closed once')
    assert.ok(!this.#isLost, 'nobody is there to be closed')
    assert.equal(code, this.#mayClose, 'closed for a reason')
    if (code === 1001) assert.equal(this.#owed.size, 0, 'after all answers')
    this.#closedWith = code
  }
}

/** Runs actions against a deposit connection on a memory store. */
export async function checkDepositConnection(actions: readonly DepositAction[]): Promise<void> {
  const clock = createManualClock(1_800_000_000_000)
  const store = createMemoryStore({ clock, capacityBytes: 100_000_000 })
  const openMailboxes = new OpenMailboxes(clock, ignoredCounts, () => {})
  await store.start(openMailboxes)
  const policy = {
    envelopeBytes: SIZES,
    defaultTtlSeconds: 600,
    maxTtlSeconds: 604_800,
    bucketBytes: 2_000_000,
    window: 32,
    maxChannels: 1,
  }
  const secrets = { live: Buffer.alloc(32, 1), readOnly: [] }
  const random = createSystemRandom()
  const intake = new Intake({ maxWaitMs: 400, clock })
  const parts = { store, secrets, openMailboxes, policy, random, counts: ignoredCounts, intake }
  const sender = new Sender(new HeldDepositor(parts))
  for (const action of actions) await sender.act(action)
  await sender.finish()
  openMailboxes.close()
  await store.close()
}
