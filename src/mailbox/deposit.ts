import type { ErrorCode } from '../protocol/errors.ts'
import { classSeconds, expiryOf, grantClass } from '../protocol/retention.ts'
import type { Counts } from './counts.ts'
import type { Intake, Sender } from './intake.ts'
import type { Bucket, MailboxStore, PendingDeposit } from './mailbox-store.ts'
import type { HandedEnvelope, OpenMailboxes, OwnDeposit } from './open-mailboxes.ts'
import type { RelayPolicy } from './policy.ts'
import type { RandomSource } from './ports.ts'
import { type QueueInUse, QueuesInUse } from './queues-in-use.ts'
import { bucketOf, deriveQueue, NONCE_BYTES, type Queue, SEAL_BYTES, sealEnvelope } from './sealing.ts'
import type { StoreSecrets } from './store-secrets.ts'

/** One envelope as it arrived. */
export interface Deposit {
  /** 32 bytes, a view on the frame. */
  readonly address: Uint8Array
  readonly ttlSeconds: number
  readonly sizeIndex: number
  /**
   * What arrived, with the envelope at its end and ENVELOPE_ROOM_BYTES or more before it. Reused for the recipient's
   * frame, and overwritten where there is none.
   */
  readonly frame: Uint8Array
  readonly envelopeOffset: number
  /** On which connection it came. */
  readonly sender: Sender
  /** Whom to answer. */
  readonly asker: Asker
  /** Given back with the answer. */
  readonly ref: number
}

/**
 * Whoever brought a deposit. Called once, after the store has confirmed or failed, and before anybody is given the
 * envelope. [protocol §4]
 */
export interface Asker {
  /**
   * @param frameBytes length of the frame
   * @param grantedSeconds the TTL class that the envelope was given
   */
  accepted(ref: number, frameBytes: number, grantedSeconds: number): void
  refused(ref: number, frameBytes: number, code: Refusal): void
}

type Refusal = Extract<ErrorCode, 'ERR_MAILBOX_FULL' | 'ERR_STORE_UNAVAILABLE'>

interface DepositorParts {
  store: MailboxStore
  secrets: StoreSecrets
  openMailboxes: OpenMailboxes
  policy: RelayPolicy
  random: RandomSource
  counts: Counts
  intake: Intake
}

/** What all deposits need. */
interface DepositTools extends DepositorParts {
  readonly queues: QueuesInUse
  /** Envelopes that a bucket may hold, by size. */
  readonly capacities: readonly number[]
  handLater(deposit: DepositUnderWay): void
}

/** Takes envelopes in: derives the queue, seals, stores, answers, and then hands over to a waiting recipient. */
export class Depositor {
  readonly #tools: DepositTools
  readonly #hands: DepositUnderWay[] = []

  constructor(parts: DepositorParts) {
    const { secrets, policy } = parts
    this.#tools = {
      ...parts,
      queues: new QueuesInUse((address) => deriveQueue(secrets.live, address)),
      capacities: policy.envelopeBytes.map((size) => Math.floor(policy.bucketBytes / size)),
      handLater: (deposit) => this.#handLater(deposit),
    }
  }

  deposit(deposit: Deposit): void {
    const { intake, counts, queues, store } = this.#tools
    const { frame, sender, asker, ref } = deposit
    if (!intake.admit(sender, frame.length)) {
      counts.shed(deposit.sizeIndex)
      frame.fill(0)
      return asker.refused(ref, frame.length, 'ERR_STORE_UNAVAILABLE')
    }
    store.deposit(new DepositUnderWay(this.#tools, deposit, queues.take(deposit.address)))
  }

  // In a turn of its own, when the answers of this one are on their way: a sender must not see by the time that an answer
  // takes whether somebody is online to be handed the envelope. All of a turn together, so that they go out together.
  #handLater(deposit: DepositUnderWay): void {
    if (this.#hands.push(deposit) > 1) return
    setImmediate(() => {
      for (const stored of this.#hands.splice(0)) stored.handOver()
    })
  }
}

/** One envelope from its arrival until it is refused, or handed over. */
class DepositUnderWay implements PendingDeposit, HandedEnvelope {
  readonly sizeIndex: number
  readonly classIndex: number
  readonly envelopeOffset: number
  expiresAt = 0
  seq = 0
  isFirst = false
  readonly #tools: DepositTools
  readonly #used: QueueInUse
  readonly #sender: Sender
  readonly #asker: Asker
  readonly #ref: number
  readonly #frame: Uint8Array
  #bucket: Bucket | undefined
  #own: OwnDeposit | undefined
  #isAnnounced = false
  #isTaken = false

  constructor(tools: DepositTools, deposit: Deposit, used: QueueInUse) {
    this.#tools = tools
    this.#used = used
    this.sizeIndex = deposit.sizeIndex
    this.classIndex = grantClass(deposit.ttlSeconds, tools.policy.maxTtlSeconds)
    this.#sender = deposit.sender
    this.#asker = deposit.asker
    this.#ref = deposit.ref
    this.#frame = deposit.frame
    this.envelopeOffset = deposit.envelopeOffset
  }

  get queue(): Queue {
    return this.#used.queue
  }

  get sealedBytes(): number {
    return this.#frame.length - this.envelopeOffset + SEAL_BYTES
  }

  get capacity(): number {
    return this.#tools.capacities[this.sizeIndex] as number
  }

  place(nowSeconds: number): Bucket {
    const { openMailboxes } = this.#tools
    this.#own?.refused()
    this.expiresAt = expiryOf(nowSeconds, this.classIndex)
    const bucket = bucketOf(this.queue, this.sizeIndex, this.classIndex, this.expiresAt)
    this.#bucket = bucket
    this.#own = openMailboxes.expect(this.queue.wakeKey, bucket)
    return bucket
  }

  // 48 random bits; zero is no stream id. [protocol §8]
  firstSeq(): number {
    const bytes = this.#tools.random.bytes(6)
    let seq = 0
    for (const byte of bytes) seq = seq * 256 + byte
    return Math.max(1, seq)
  }

  seal(): Uint8Array[] {
    const nonce = this.#tools.random.bytes(NONCE_BYTES)
    return sealEnvelope(this.queue, this.#bucket as Bucket, nonce, this.#frame.subarray(this.envelopeOffset))
  }

  stored(seq: number, isFirst: boolean, isAnnounced: boolean): void {
    const { counts, handLater } = this.#tools
    this.#settle(true)
    this.seq = seq
    this.isFirst = isFirst
    this.#isAnnounced = isAnnounced
    counts.accepted(this.sizeIndex, this.classIndex, this.expiresAt)
    this.#asker.accepted(this.#ref, this.#frame.length, classSeconds(this.classIndex))
    this.#frame.fill(0, 0, this.envelopeOffset)
    if (this.#own) handLater(this)
    else this.take()?.fill(0)
  }

  full(): void {
    this.#settle(true)
    this.#frame.fill(0)
    this.#own?.refused()
    this.#tools.counts.full(this.sizeIndex)
    this.#asker.refused(this.#ref, this.#frame.length, 'ERR_MAILBOX_FULL')
  }

  failed(): void {
    this.#settle(false)
    this.#frame.fill(0)
    this.#own?.lost()
    this.#tools.counts.unavailable(this.sizeIndex)
    this.#asker.refused(this.#ref, this.#frame.length, 'ERR_STORE_UNAVAILABLE')
  }

  /** To whoever waits for it. */
  handOver(): void {
    this.#own?.stored(this, this.#isAnnounced)
    this.take()?.fill(0)
  }

  take(): Uint8Array | undefined {
    if (this.#isTaken) return undefined
    this.#isTaken = true
    return this.#frame
  }

  #settle(isDone: boolean): void {
    const { intake, queues } = this.#tools
    intake.settle(this.#sender, this.#frame.length, isDone)
    queues.release(this.#used)
  }
}
