import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { UNLIMITED } from '../../src/mailbox/admission.ts'
import { Depositor } from '../../src/mailbox/deposit.ts'
import { DepositConnection } from '../../src/mailbox/deposit-connection.ts'
import { Intake } from '../../src/mailbox/intake.ts'
import type { MailboxConnectionParts } from '../../src/mailbox/mailbox-connection.ts'
import { OpenMailboxes } from '../../src/mailbox/open-mailboxes.ts'
import type { RelayPolicy } from '../../src/mailbox/policy.ts'
import { OriginProofs } from '../../src/mailbox/proof.ts'
import { createSystemRandom } from '../../src/mailbox/system-ports.ts'
import { encodeDepositFrame, parseDepositAnswer } from '../../src/protocol/deposit-frames.ts'
import { expiryOf, grantClass } from '../../src/protocol/retention.ts'
import { createMemoryStore } from '../../src/store/memory/mailbox-store.ts'
import { ignoredCounts } from '../_util/counts.ts'
import { createManualClock, type ManualClock } from '../_util/manual-clock.ts'
import { createMailbox, type Mailbox } from '../conformance/client.ts'
import { FailingStore } from './failing-store.ts'

export const ORIGIN = 'https://relay.example'
export const POLICY: RelayPolicy = {
  envelopeBytes: [64, 256],
  defaultTtlSeconds: 86_400,
  maxTtlSeconds: 604_800,
  bucketBytes: 8_192,
  window: 4,
  maxChannels: 6,
}
const START_MS = 1_800_000_000_000
const QUIET_TURNS = 6

/** An envelope that was accepted. */
export interface Accepted {
  readonly number: number
  readonly mailbox: Mailbox
  /** Envelopes of one lane and mailbox arrive in the order of their deposit. */
  readonly lane: string
  /** Unix seconds. */
  readonly expiresAt: number
  isAcknowledged: boolean
  /** It was acknowledged while the store was cut off, so that it may come again. */
  mayComeAgain: boolean
}

/** Counts the signatures that are being checked, since that happens outside of the main thread. */
class CountedProofs extends OriginProofs {
  running = 0

  override async isSigned(...args: Parameters<OriginProofs['isSigned']>): Promise<boolean> {
    this.running++
    try {
      return await super.isSigned(...args)
    } finally {
      this.running--
    }
  }
}

/** A relay without sockets, on a memory store and a clock that is moved by hand, and a ledger of what it has accepted. */
export class Bench {
  readonly clock: ManualClock = createManualClock(START_MS)
  readonly store = new FailingStore(createMemoryStore({ clock: this.clock, capacityBytes: 10_000_000 }))
  readonly parts: MailboxConnectionParts
  readonly mailboxes = [createMailbox(), createMailbox(), createMailbox()] as const
  readonly accepted = new Map<number, Accepted>()
  /** What an envelopeId, in hex, was seen to name. */
  readonly named = new Map<string, Accepted>()
  readonly #violations: unknown[] = []
  readonly #proofs = new CountedProofs()
  readonly #openMailboxes = new OpenMailboxes(this.clock, ignoredCounts, () => {})
  readonly #depositor: Depositor
  #deposits = 0

  constructor() {
    this.#proofs.accept(['https://another.example', ORIGIN])
    const secrets = { live: Buffer.alloc(32, 1), readOnly: [Buffer.alloc(32, 2)] }
    const random = createSystemRandom()
    const shared = { store: this.store, secrets, policy: POLICY, clock: this.clock, random, counts: ignoredCounts }
    this.parts = { ...shared, proofs: this.#proofs, openMailboxes: this.#openMailboxes }
    const intake = new Intake({ maxWaitMs: 400, clock: this.clock })
    this.#depositor = new Depositor({ ...shared, openMailboxes: this.#openMailboxes, intake })
  }

  async start(): Promise<this> {
    await this.store.start(this.#openMailboxes)
    await this.quiet()
    return this
  }

  get nowSeconds(): number {
    return this.store.nowSeconds(0)
  }

  /** Lays one envelope into a mailbox, on a deposit socket of its own. */
  deposit(mailbox: Mailbox, sizeIndex: number, ttlSeconds: number): void {
    const number = this.#deposits++
    const envelope = Buffer.alloc(POLICY.envelopeBytes[sizeIndex] as number, number)
    envelope.writeUInt32BE(number)
    const classIndex = grantClass(ttlSeconds, POLICY.maxTtlSeconds)
    const expiresAt = expiryOf(this.nowSeconds, classIndex)
    const lane = `${sizeIndex} ${classIndex}`
    const { isDown } = this.store
    const connection = new DepositConnection(
      this.#depositor,
      POLICY.envelopeBytes,
      {
        send: (frame) =>
          this.check(() => {
            const answer = parseDepositAnswer(frame)
            assert.equal(answer.ref, number)
            const accepted = { number, mailbox, lane, expiresAt, isAcknowledged: false, mayComeAgain: false }
            if (answer.kind === 'accepted') this.accepted.set(number, accepted)
            else assert.ok(answer.number === 7 || isDown, 'refused only where the bucket is full, or the store away')
          }),
        close: () => this.check(() => assert.fail('a good deposit does not close its socket')),
        pause: () => this.check(() => assert.fail('one deposit holds nobody back')),
        resume: () => {},
      },
      UNLIMITED,
    )
    connection.receive(encodeDepositFrame({ ref: number, ttlSeconds, address: mailbox.address, envelope }))
  }

  /** Runs checks within a call of the relay's, which may catch what is thrown there. `checkKept` throws it. */
  check(checks: () => void): void {
    try {
      checks()
    } catch (violation) {
      this.#violations.push(violation)
    }
  }

  /** @throws the first violation */
  checkKept(): void {
    if (this.#violations.length > 0) throw this.#violations[0]
  }

  /** What a mailbox holds. */
  waiting(mailbox: Mailbox): Accepted[] {
    return [...this.accepted.values()].filter((one) => one.mailbox === mailbox && this.isWaiting(one))
  }

  isWaiting({ isAcknowledged, expiresAt }: Accepted): boolean {
    return !isAcknowledged && expiresAt > this.nowSeconds
  }

  /** Resolves when nothing happens any more by itself. */
  async quiet(): Promise<void> {
    for (let quietTurns = 0; quietTurns < QUIET_TURNS; quietTurns++) {
      await turn()
      if (this.#proofs.running > 0) quietTurns = 0
    }
  }

  async end(): Promise<void> {
    this.#openMailboxes.close()
    await this.store.close()
  }
}
