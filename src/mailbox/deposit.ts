import type { ErrorCode } from '../protocol/errors.ts'
import { classSeconds, expiryOf, grantClass } from '../protocol/retention.ts'
import type { Counts } from './counts.ts'
import { ENVELOPE_ROOM_BYTES } from './delivery.ts'
import type { Intake, Sender } from './intake.ts'
import type { DepositOutcome, MailboxStore, SealedEnvelope } from './mailbox-store.ts'
import type { HandedEnvelope, OpenMailboxes, OwnDeposit } from './open-mailboxes.ts'
import type { RelayPolicy } from './policy.ts'
import type { RandomSource } from './ports.ts'
import { QueuesInUse } from './queues-in-use.ts'
import { bucketOf, deriveQueue, NONCE_BYTES, type Queue, sealEnvelope } from './sealing.ts'
import type { StoreSecrets } from './store-secrets.ts'

/** One envelope as it arrived. */
export interface Deposit {
  /** 32 bytes, a view on the frame. */
  readonly address: Uint8Array
  readonly ttlSeconds: number
  readonly sizeIndex: number
  /**
   * What arrived, with the envelope at its end and at least 29 bytes before it. Reused for the recipient's frame, and
   * overwritten where there is none.
   */
  readonly frame: Uint8Array
  readonly envelopeOffset: number
  /** On which connection it came. */
  readonly sender: Sender
}

/** `grantedSeconds` is the TTL class that the envelope was given. */
export type DepositAnswer =
  | { readonly kind: 'accepted'; readonly grantedSeconds: number }
  | { readonly kind: 'refused'; readonly code: Extract<ErrorCode, 'ERR_MAILBOX_FULL' | 'ERR_STORE_UNAVAILABLE'> }

interface DepositorParts {
  store: MailboxStore
  secrets: StoreSecrets
  openMailboxes: OpenMailboxes
  policy: RelayPolicy
  random: RandomSource
  counts: Counts
  intake: Intake
}

/** Takes envelopes in: derives the queue, seals, stores, answers, and then hands over to a waiting recipient. */
export class Depositor {
  readonly #store: MailboxStore
  readonly #queues: QueuesInUse
  readonly #openMailboxes: OpenMailboxes
  readonly #policy: RelayPolicy
  readonly #random: RandomSource
  readonly #capacities: readonly number[]
  readonly #counts: Counts
  readonly #intake: Intake
  readonly #hands: { own: OwnDeposit; hand: HandedEnvelope; isAnnounced: boolean }[] = []

  constructor({ store, secrets, openMailboxes, policy, random, counts, intake }: DepositorParts) {
    this.#store = store
    this.#queues = new QueuesInUse((address) => deriveQueue(secrets.live, address))
    this.#openMailboxes = openMailboxes
    this.#policy = policy
    this.#random = random
    this.#counts = counts
    this.#intake = intake
    this.#capacities = policy.envelopeBytes.map((size) => Math.floor(policy.bucketBytes / size))
  }

  /**
   * @param answer called once, after the store has confirmed or failed, and before anybody is given the envelope
   *   [protocol §4]
   */
  deposit(deposit: Deposit, answer: (answer: DepositAnswer) => void): void {
    const { sender } = deposit
    const bytes = deposit.frame.length
    if (!this.#intake.admit(sender, bytes)) {
      this.#counts.shed(deposit.sizeIndex)
      deposit.frame.fill(0)
      return answer({ kind: 'refused', code: 'ERR_STORE_UNAVAILABLE' })
    }
    const used = this.#queues.take(deposit.address)
    const { queue } = used
    const classIndex = grantClass(deposit.ttlSeconds, this.#policy.maxTtlSeconds)
    const envelope = deposit.frame.subarray(deposit.envelopeOffset)
    let record: SealedEnvelope
    let own: OwnDeposit | undefined
    const seal = (nowSeconds: number) => {
      own?.refused()
      record = this.#seal(queue, deposit.sizeIndex, classIndex, envelope, nowSeconds)
      own = this.#openMailboxes.expect(queue.wakeKey, record.bucket)
      return record
    }
    this.#store.deposit(queue.partition, seal).then(
      (outcome) => {
        this.#intake.settle(sender, bytes, true)
        this.#queues.release(used)
        if (outcome.kind === 'full') {
          deposit.frame.fill(0)
          own?.refused()
          this.#counts.full(deposit.sizeIndex)
          return answer({ kind: 'refused', code: 'ERR_MAILBOX_FULL' })
        }
        this.#counts.accepted(deposit.sizeIndex, classIndex, record.bucket.expiresAt)
        answer({ kind: 'accepted', grantedSeconds: classSeconds(classIndex) })
        deposit.frame.fill(0, 0, deposit.envelopeOffset)
        const hand = handOf(record, outcome, deposit)
        if (own === undefined) hand.take()?.fill(0)
        else this.#handLater(own, hand, outcome.isAnnounced)
      },
      () => {
        this.#intake.settle(sender, bytes, false)
        this.#queues.release(used)
        deposit.frame.fill(0)
        own?.lost()
        this.#counts.unavailable(deposit.sizeIndex)
        answer({ kind: 'refused', code: 'ERR_STORE_UNAVAILABLE' })
      },
    )
  }

  // In a turn of its own, when the answers of this one are on their way: a sender must not see by the time that an answer
  // takes whether somebody is online to be handed the envelope. All of a turn together, so that they go out together.
  #handLater(own: OwnDeposit, hand: HandedEnvelope, isAnnounced: boolean): void {
    if (this.#hands.push({ own, hand, isAnnounced }) > 1) return
    setImmediate(() => {
      for (const handed of this.#hands.splice(0)) {
        handed.own.stored(handed.hand, handed.isAnnounced)
        handed.hand.take()?.fill(0)
      }
    })
  }

  #seal(queue: Queue, sizeIndex: number, classIndex: number, envelope: Uint8Array, nowSeconds: number): SealedEnvelope {
    const bucket = bucketOf(queue, sizeIndex, classIndex, expiryOf(nowSeconds, classIndex))
    return {
      bucket,
      queue,
      firstSeq: this.#firstSeq(),
      capacity: this.#capacities[sizeIndex] as number,
      sealed: sealEnvelope(queue, bucket, this.#random.bytes(NONCE_BYTES), envelope),
    }
  }

  // 48 random bits; zero is no stream id. [protocol §8]
  #firstSeq(): number {
    const bytes = this.#random.bytes(6)
    let seq = 0
    for (const byte of bytes) seq = seq * 256 + byte
    return Math.max(1, seq)
  }
}

function handOf(
  { bucket }: SealedEnvelope,
  { seq, isFirst }: Extract<DepositOutcome, { kind: 'stored' }>,
  { frame, envelopeOffset }: Deposit,
): HandedEnvelope {
  let left: Uint8Array | undefined = frame.subarray(envelopeOffset - ENVELOPE_ROOM_BYTES)
  return {
    sizeIndex: bucket.sizeIndex,
    classIndex: bucket.classIndex,
    expiresAt: bucket.expiresAt,
    seq,
    isFirst,
    take() {
      const taken = left
      left = undefined
      return taken
    },
  }
}
