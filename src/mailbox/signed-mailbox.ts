import { MalformedError } from '../protocol/bytes.ts'
import { ENVELOPE_ID_BYTES } from '../protocol/envelope.ts'
import { LetheError } from '../protocol/errors.ts'
import {
  type FetchRequest,
  fetchAnswerBytes,
  parseAckRequest,
  parseFetchRequest,
  SIGNED_TIME_TOLERANCE_SECONDS,
  type Signed,
  signedPreimage,
} from '../protocol/signed-requests.ts'
import type { Counts } from './counts.ts'
import { eraseNow, groupByBucket } from './erasures.ts'
import { type Bucket, type MailboxStore, StoreUnavailableError, type Waiting } from './mailbox-store.ts'
import type { OpenMailboxes, QueueListener } from './open-mailboxes.ts'
import type { RelayPolicy } from './policy.ts'
import type { Clock, RandomSource } from './ports.ts'
import { addressOf, type OriginProofs } from './proof.ts'
import { bucketsOf, EnvelopeIds, openEnvelope, type Queue, wipeQueue } from './sealing.ts'
import { queuesOf, type StoreSecrets } from './store-secrets.ts'

/** The signed time is too far off; carries the time of the store, in Unix seconds. [protocol §6] */
export class StaleError extends LetheError {
  readonly nowSeconds: number

  constructor(nowSeconds: number) {
    super('ERR_STALE')
    this.nowSeconds = nowSeconds
  }
}

/** Port: room for answers that are on their way out. */
export interface AnswerRoom {
  /** @returns whether there was room, which is then to be given back */
  take(bytes: number): boolean
  give(bytes: number): void
}

interface SignedMailboxParts {
  store: MailboxStore
  secrets: StoreSecrets
  proofs: OriginProofs
  openMailboxes: OpenMailboxes
  policy: RelayPolicy
  clock: Clock
  random: RandomSource
  counts: Counts
  answerRoom: AnswerRoom
}

type QueueWaiting = Waiting & { queue: Queue }

/** A mailbox without a socket: fetch and ack, each proved by its own signature. [protocol §5] */
export class SignedMailbox {
  readonly #parts: SignedMailboxParts
  readonly #polls = new Set<LongPoll>()

  constructor(parts: SignedMailboxParts) {
    this.#parts = parts
  }

  /**
   * @param gone aborted when the client has gone, which ends a long poll
   * @returns `waiting u8 ‖ (envelopeId[16] ‖ envelope) × slots`, as long as the request says whatever waits; whoever has it
   *   gives its room back when it is out
   * @throws LetheError ERR_MALFORMED, ERR_STALE, ERR_SIGNATURE, ERR_STORE_UNAVAILABLE
   */
  async fetch(body: Uint8Array, gone: AbortSignal): Promise<Buffer> {
    const signed = parsed(() => parseFetchRequest(body, this.#parts.policy.envelopeBytes))
    return this.#proved('fetch', signed, async (queues) => {
      const waiting = await this.#whenWaiting(queues, signed.request.waitSeconds, gone)
      return this.#answer(waiting, signed.request)
    })
  }

  /**
   * Resolves when the erasure is confirmed. Ids that are none of this mailbox's are ignored.
   * @throws LetheError ERR_MALFORMED, ERR_STALE, ERR_SIGNATURE, ERR_STORE_UNAVAILABLE
   */
  async acknowledge(body: Uint8Array): Promise<void> {
    const signed = parsed(() => parseAckRequest(body))
    await this.#proved('ack', signed, async (queues) => {
      const { store, policy } = this.#parts
      if (!store.isReady()) throw new LetheError('ERR_STORE_UNAVAILABLE')
      const groups = queues.flatMap((queue) =>
        groupByBucket(queue, new EnvelopeIds(queue).decode(signed.request.ids, policy.envelopeBytes.length)),
      )
      await Promise.all(groups.map(({ bucket, seqs }) => this.#erase(bucket, seqs)))
    })
  }

  /** Answers every long poll now, since this instance is shutting down. */
  drain(): void {
    for (const poll of this.#polls) poll.finish()
  }

  /** Gives the mailbox's queues to `use` once the request is proved. Both are overwritten after that. */
  async #proved<T>(
    kind: 'fetch' | 'ack',
    signed: Signed<{ publicKey: Uint8Array; timeSeconds: number }>,
    use: (queues: readonly Queue[]) => Promise<T>,
  ): Promise<T> {
    const address = addressOf(signed.request.publicKey)
    const queues = queuesOf(this.#parts.secrets, address)
    address.fill(0)
    try {
      await this.#prove(kind, signed, (queues[0] as Queue).partition)
      return await use(queues)
    } catch (error) {
      throw error instanceof StoreUnavailableError ? new LetheError('ERR_STORE_UNAVAILABLE') : error
    } finally {
      for (const queue of queues) wipeQueue(queue)
      signed.covered.fill(0)
    }
  }

  async #prove(
    kind: 'fetch' | 'ack',
    { request, covered, signature }: Signed<{ publicKey: Uint8Array; timeSeconds: number }>,
    partition: number,
  ): Promise<void> {
    const now = this.#parts.store.nowSeconds(partition)
    if (Math.abs(request.timeSeconds - now) > SIGNED_TIME_TOLERANCE_SECONDS) throw new StaleError(now)
    const preimageOf = (originHash: Uint8Array) => signedPreimage(kind, originHash, covered)
    const isProven = await this.#parts.proofs.isSigned(request.publicKey, signature, preimageOf)
    if (!isProven) throw new LetheError('ERR_SIGNATURE')
  }

  async #whenWaiting(queues: readonly Queue[], waitSeconds: number, gone: AbortSignal): Promise<QueueWaiting[]> {
    if (waitSeconds === 0) return this.#survey(queues)
    const { store, openMailboxes, clock } = this.#parts
    const poll = new LongPoll()
    const wakeKeys = queues.map(({ wakeKey }) => wakeKey)
    openMailboxes.add(wakeKeys, poll)
    this.#polls.add(poll)
    const cancelTimeout = clock.after(waitSeconds * 1000, () => poll.finish())
    gone.addEventListener('abort', () => poll.finish())
    const followed: Queue[] = []
    try {
      for (const queue of queues) {
        await store.follow(queue)
        followed.push(queue)
      }
      // Subscribed first, looked second: what arrives in between wakes the poll.
      poll.isListening = true
      let waiting = await this.#survey(queues)
      while (waiting.length === 0 && !poll.isFinished) {
        await poll.next()
        waiting = await this.#survey(queues)
      }
      return waiting
    } finally {
      cancelTimeout()
      openMailboxes.remove(wakeKeys, poll)
      this.#polls.delete(poll)
      for (const queue of followed) store.unfollow(queue)
    }
  }

  async #survey(queues: readonly Queue[]): Promise<QueueWaiting[]> {
    const { store, policy } = this.#parts
    const surveys = queues.map(async (queue) => {
      const now = store.nowSeconds(queue.partition)
      const waiting = await store.survey(bucketsOf(queue, policy.envelopeBytes.length, now))
      return waiting.map((one) => ({ ...one, queue }))
    })
    return (await Promise.all(surveys)).flat()
  }

  async #answer(waiting: readonly QueueWaiting[], request: FetchRequest): Promise<Buffer> {
    const { policy, answerRoom, counts } = this.#parts
    const bytes = fetchAnswerBytes(request.slots, policy.envelopeBytes[request.sizeIndex] as number)
    if (!answerRoom.take(bytes)) {
      counts.stalled('socket')
      throw new LetheError('ERR_STORE_UNAVAILABLE')
    }
    const answer = Buffer.alloc(bytes)
    try {
      await this.#fill(answer, waiting, request)
    } catch (error) {
      answer.fill(0)
      answerRoom.give(bytes)
      throw error
    }
    return answer
  }

  async #fill(answer: Buffer, waiting: readonly QueueWaiting[], { sizeIndex, slots }: FetchRequest): Promise<void> {
    const { store, policy, random, counts } = this.#parts
    const size = policy.envelopeBytes[sizeIndex] as number
    let offset = 1
    for (const { queue, bucket, take } of share(waiting, sizeIndex, slots)) {
      const ids = new EnvelopeIds(queue)
      for (const { seq, sealed } of (await store.read(bucket, undefined, take)).entries) {
        const envelope = openEnvelope(queue, bucket, sealed, 0)
        if (envelope === undefined) continue
        answer.set(ids.encode({ ...bucket, seq }), offset)
        answer.set(envelope, offset + ENVELOPE_ID_BYTES)
        envelope.fill(0)
        offset += ENVELOPE_ID_BYTES + size
        counts.fetched()
      }
    }
    const filled = (offset - 1) / (ENVELOPE_ID_BYTES + size)
    for (let i = filled; i < slots; i++) {
      answer.set(random.bytes(size), 1 + i * (ENVELOPE_ID_BYTES + size) + ENVELOPE_ID_BYTES)
    }
    answer[0] = waitingBits(waiting, sizeIndex, filled)
  }

  async #erase(bucket: Bucket, seqs: readonly number[]): Promise<void> {
    const erased = await eraseNow(this.#parts.store, bucket, seqs)
    this.#parts.counts.acknowledged(erased, bucket.classIndex, bucket.expiresAt)
  }
}

/** Waits for any envelope of a mailbox, whatever its size. */
class LongPoll implements QueueListener {
  isListening = false
  isFinished = false
  #isWoken = false
  #proceed: () => void = () => {}

  /** Resolves at the next wake-up, at once if there was one since the last call. */
  async next(): Promise<void> {
    if (!this.#isWoken && !this.isFinished) {
      await new Promise<void>((resolve) => {
        this.#proceed = resolve
      })
    }
    this.#isWoken = false
  }

  finish(): void {
    this.isFinished = true
    this.#proceed()
  }

  wake(): void {
    this.#isWoken = true
    this.#proceed()
  }

  handOver(): void {
    this.wake()
  }

  resume(): void {
    this.wake()
  }

  look(): void {
    this.wake()
  }

  announced(): void {}

  storeReplaced(): void {
    this.wake()
  }
}

/** Shares the slots out among the TTL classes in turns; within a class the earliest expiry comes first. */
function share(
  waiting: readonly QueueWaiting[],
  sizeIndex: number,
  slots: number,
): (QueueWaiting & { take: number })[] {
  const lanes = new Map<number, (QueueWaiting & { take: number })[]>()
  const ofSize = waiting.filter(({ bucket }) => bucket.sizeIndex === sizeIndex)
  for (const one of ofSize.sort((a, b) => a.bucket.expiresAt - b.bucket.expiresAt)) {
    const lane = lanes.get(one.bucket.classIndex) ?? []
    lane.push({ ...one, take: 0 })
    lanes.set(one.bucket.classIndex, lane)
  }
  let left = slots
  let hasTaken = true
  while (left > 0 && hasTaken) {
    hasTaken = false
    for (const lane of lanes.values()) {
      const next = lane.find(({ count, take }) => take < count)
      if (next === undefined || left === 0) continue
      next.take++
      left--
      hasTaken = true
    }
  }
  return [...lanes.values()].flat().filter(({ take }) => take > 0)
}

function waitingBits(waiting: readonly Waiting[], sizeIndex: number, filled: number): number {
  const counts = new Map<number, number>()
  for (const { bucket, count } of waiting) counts.set(bucket.sizeIndex, (counts.get(bucket.sizeIndex) ?? 0) + count)
  let bits = 0
  for (const [size, count] of counts) {
    if (count > (size === sizeIndex ? filled : 0)) bits |= 1 << size
  }
  return bits
}

function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw error instanceof MalformedError ? new LetheError('ERR_MALFORMED') : error
  }
}
