import { TTL_CLASSES } from '../protocol/retention.ts'
import type { Bucket, Cursor } from './mailbox-store.ts'
import type { Queue } from './sealing.ts'

/** How far one session has come with one bucket. Forgotten as soon as nothing of the bucket is in the session's hands. */
export interface BucketProgress {
  readonly queue: Queue
  readonly bucket: Bucket
  cursor: Cursor | undefined
  /** Numbers of the envelopes that were sent and not acknowledged. */
  readonly outstanding: Set<number>
  /** Acknowledged envelopes whose erasure is not confirmed. */
  erasing: number
  /** More may wait than the cursor has passed. */
  isDirty: boolean
  isReading: boolean
}

/** All buckets of one size and TTL class, the earliest expiry first: the order of deposit. */
type Lane = BucketProgress[]

/** What a session still has to read, lane by lane in turns, so that a flooded bucket starves none. [protocol §5] */
export class Backlog {
  readonly #lanes = new Map<number, Lane>()
  #lastLane = -1
  #outstanding = 0

  /** Envelopes sent and not acknowledged, over all buckets. */
  get outstanding(): number {
    return this.#outstanding
  }

  /** Whether there is something to read. */
  get hasDirty(): boolean {
    for (const lane of this.#lanes.values()) for (const { isDirty } of lane) if (isDirty) return true
    return false
  }

  /** Whether nothing is known that has not been read. */
  get isClean(): boolean {
    for (const lane of this.#lanes.values()) if (!isCleanLane(lane)) return false
    return true
  }

  /** Whether an envelope of this size and class would be the next in order. */
  isLaneClean(sizeIndex: number, classIndex: number): boolean {
    const lane = this.#lanes.get(laneKey(sizeIndex, classIndex))
    return lane === undefined || isCleanLane(lane)
  }

  find(queue: Queue, sizeIndex: number, classIndex: number, expiresAt: number): BucketProgress | undefined {
    return this.#lanes
      .get(laneKey(sizeIndex, classIndex))
      ?.find((progress) => progress.bucket.expiresAt === expiresAt && progress.queue === queue)
  }

  /** The progress of a bucket, begun if there is none. `rank` orders queues within one expiry. */
  begin(queue: Queue, bucket: Bucket, rank: (queue: Queue) => number): BucketProgress {
    const known = this.find(queue, bucket.sizeIndex, bucket.classIndex, bucket.expiresAt)
    if (known) return known
    const progress: BucketProgress = {
      queue,
      bucket,
      cursor: undefined,
      outstanding: new Set(),
      erasing: 0,
      isDirty: false,
      isReading: false,
    }
    const key = laneKey(bucket.sizeIndex, bucket.classIndex)
    const lane = this.#lanes.get(key) ?? []
    const at = lane.findIndex(
      (other) =>
        other.bucket.expiresAt > bucket.expiresAt ||
        (other.bucket.expiresAt === bucket.expiresAt && rank(other.queue) > rank(queue)),
    )
    lane.splice(at < 0 ? lane.length : at, 0, progress)
    this.#lanes.set(key, lane)
    return progress
  }

  /** The bucket to read from next, or undefined when there is nothing to read. */
  next(): BucketProgress | undefined {
    const keys = [...this.#lanes.keys()].sort((a, b) => a - b)
    const later = keys.filter((key) => key > this.#lastLane)
    for (const key of [...later, ...keys]) {
      const progress = this.#lanes.get(key)?.find(({ isDirty }) => isDirty)
      if (progress) {
        this.#lastLane = key
        return progress
      }
    }
    return undefined
  }

  sent(progress: BucketProgress, seq: number): void {
    progress.outstanding.add(seq)
    this.#outstanding++
  }

  acknowledged(progress: BucketProgress, seq: number): void {
    if (progress.outstanding.delete(seq)) this.#outstanding--
  }

  /** Forgets a bucket once none of its envelopes is in the session's hands: reading it again would show only new ones. */
  settle(progress: BucketProgress): void {
    if (progress.outstanding.size > 0 || progress.erasing > 0 || progress.isDirty || progress.isReading) return
    this.#drop(progress)
  }

  /** Gives up what expired before `nowSeconds`; its envelopes no longer count as unacknowledged. */
  expire(nowSeconds: number): void {
    for (const lane of this.#lanes.values()) {
      for (const progress of lane.filter(({ bucket }) => bucket.expiresAt < nowSeconds)) {
        this.#outstanding -= progress.outstanding.size
        progress.outstanding.clear()
        progress.isDirty = false
        this.#drop(progress)
      }
    }
  }

  #drop(progress: BucketProgress): void {
    const key = laneKey(progress.bucket.sizeIndex, progress.bucket.classIndex)
    const lane = this.#lanes.get(key)
    const at = lane?.indexOf(progress) ?? -1
    if (lane === undefined || at < 0) return
    lane.splice(at, 1)
    if (lane.length === 0) this.#lanes.delete(key)
  }
}

function isCleanLane(lane: Lane): boolean {
  return lane.every(({ isDirty, isReading }) => !isDirty && !isReading)
}

function laneKey(sizeIndex: number, classIndex: number): number {
  return sizeIndex * TTL_CLASSES.length + classIndex
}
