import { TTL_CLASSES } from '../protocol/retention.ts'
import type { Bucket, Cursor } from './mailbox-store.ts'
import type { Queue } from './sealing.ts'

/** How far one session has come with one bucket. Forgotten as soon as nothing of the bucket is in the session's hands. */
export interface BucketProgress {
  readonly queue: Queue
  readonly bucket: Bucket
  cursor: Cursor | undefined
  /** Numbers of the envelopes that were sent and not acknowledged, no more than the window has places. */
  readonly outstanding: number[]
  /** Acknowledged envelopes whose erasure is not confirmed. */
  erasing: number
  /** More may wait than the cursor has passed. */
  isDirty: boolean
  isReading: boolean
}

/** All buckets of one size and TTL class, the earliest expiry first: the order of deposit. */
interface Lane {
  readonly key: number
  readonly buckets: BucketProgress[]
}

/** What a session still has to read, lane by lane in turns, so that a flooded bucket starves none. [protocol §5] */
export class Backlog {
  /** In the order of their keys; hardly more than one. */
  readonly #lanes: Lane[] = []
  #lastLane = -1
  #outstanding = 0

  /** Envelopes sent and not acknowledged, over all buckets. */
  get outstanding(): number {
    return this.#outstanding
  }

  /** Whether there is something to read. */
  get hasDirty(): boolean {
    for (const { buckets } of this.#lanes) for (const { isDirty } of buckets) if (isDirty) return true
    return false
  }

  /** Whether nothing is known that has not been read. */
  get isClean(): boolean {
    for (const lane of this.#lanes) if (!isCleanLane(lane)) return false
    return true
  }

  /** Whether an envelope of this size and class would be the next in order. */
  isLaneClean(sizeIndex: number, classIndex: number): boolean {
    const lane = this.#laneOf(sizeIndex, classIndex)
    return lane === undefined || isCleanLane(lane)
  }

  find(queue: Queue, sizeIndex: number, classIndex: number, expiresAt: number): BucketProgress | undefined {
    const lane = this.#laneOf(sizeIndex, classIndex)
    if (lane === undefined) return undefined
    for (const progress of lane.buckets) {
      if (progress.bucket.expiresAt === expiresAt && progress.queue === queue) return progress
    }
    return undefined
  }

  /** The progress of a bucket, begun if there is none. `rank` orders queues within one expiry. */
  begin(queue: Queue, bucket: Bucket, rank: (queue: Queue) => number): BucketProgress {
    const known = this.find(queue, bucket.sizeIndex, bucket.classIndex, bucket.expiresAt)
    if (known) return known
    const progress: BucketProgress = {
      queue,
      bucket,
      cursor: undefined,
      outstanding: [],
      erasing: 0,
      isDirty: false,
      isReading: false,
    }
    const { buckets } = this.#laneOf(bucket.sizeIndex, bucket.classIndex) ?? this.#beginLane(bucket)
    const at = buckets.findIndex(
      (other) =>
        other.bucket.expiresAt > bucket.expiresAt ||
        (other.bucket.expiresAt === bucket.expiresAt && rank(other.queue) > rank(queue)),
    )
    buckets.splice(at < 0 ? buckets.length : at, 0, progress)
    return progress
  }

  /** The bucket to read from next, or undefined when there is nothing to read. */
  next(): BucketProgress | undefined {
    const later = this.#lanes.findIndex(({ key }) => key > this.#lastLane)
    const first = Math.max(0, later)
    for (let i = 0; i < this.#lanes.length; i++) {
      const { key, buckets } = this.#lanes[(first + i) % this.#lanes.length] as Lane
      const progress = buckets.find(({ isDirty }) => isDirty)
      if (progress) {
        this.#lastLane = key
        return progress
      }
    }
    return undefined
  }

  sent(progress: BucketProgress, seq: number): void {
    progress.outstanding.push(seq)
    this.#outstanding++
  }

  acknowledged(progress: BucketProgress, seq: number): void {
    const at = progress.outstanding.indexOf(seq)
    if (at < 0) return
    progress.outstanding.splice(at, 1)
    this.#outstanding--
  }

  /** Forgets a bucket once none of its envelopes is in the session's hands: reading it again would show only new ones. */
  settle(progress: BucketProgress): void {
    if (progress.outstanding.length > 0 || progress.erasing > 0 || progress.isDirty || progress.isReading) return
    this.#drop(progress)
  }

  /** Gives up what expired before `nowSeconds`; its envelopes no longer count as unacknowledged. */
  expire(nowSeconds: number): void {
    for (const { buckets } of [...this.#lanes]) {
      for (const progress of buckets.filter(({ bucket }) => bucket.expiresAt < nowSeconds)) {
        this.#outstanding -= progress.outstanding.length
        progress.outstanding.length = 0
        progress.isDirty = false
        this.#drop(progress)
      }
    }
  }

  #drop(progress: BucketProgress): void {
    const lane = this.#laneOf(progress.bucket.sizeIndex, progress.bucket.classIndex)
    const at = lane?.buckets.indexOf(progress) ?? -1
    if (lane === undefined || at < 0) return
    lane.buckets.splice(at, 1)
    if (lane.buckets.length === 0) this.#lanes.splice(this.#lanes.indexOf(lane), 1)
  }

  #laneOf(sizeIndex: number, classIndex: number): Lane | undefined {
    const key = laneKey(sizeIndex, classIndex)
    for (const lane of this.#lanes) if (lane.key === key) return lane
    return undefined
  }

  #beginLane({ sizeIndex, classIndex }: Bucket): Lane {
    const lane: Lane = { key: laneKey(sizeIndex, classIndex), buckets: [] }
    this.#lanes.push(lane)
    this.#lanes.sort((a, b) => a.key - b.key)
    return lane
  }
}

function isCleanLane({ buckets }: Lane): boolean {
  for (const { isDirty, isReading } of buckets) if (isDirty || isReading) return false
  return true
}

function laneKey(sizeIndex: number, classIndex: number): number {
  return sizeIndex * TTL_CLASSES.length + classIndex
}
