import { type Bucket, bytesIn, type PendingDeposit, type SealedEnvelope } from '../../mailbox/mailbox-store.ts'
import { classSeconds } from '../../protocol/retention.ts'
import { encodeWake } from './announcements.ts'
import type { Argument } from './command-writer.ts'
import { bucketKey, type WakeBits, wakeChannel } from './keys.ts'

interface WriteBase {
  readonly partition: number
  /** When it was asked for, on a clock that only goes forward, in milliseconds. */
  readonly sinceMs: number
  /** It is not known to have taken effect. */
  fail(): void
}

/** Deposits of one call into one bucket. */
export interface DepositGroup {
  readonly record: SealedEnvelope
  readonly writes: DepositWrite[]
  readonly sealed: SealedEnvelope['sealed'][]
  /** Whether one of them was stored: the wake-up is then taken to tell of that one. */
  isAnnounced: boolean
}

export class DepositWrite implements WriteBase {
  readonly kind = 'deposit'
  readonly deposit: PendingDeposit
  readonly sinceMs = performance.now()
  /** How often the node has refused the expiry. */
  misfits = 0
  /** Those that it was last sent with. */
  group: DepositGroup | undefined

  constructor(deposit: PendingDeposit) {
    this.deposit = deposit
  }

  get partition(): number {
    return this.deposit.partition
  }

  fail(): void {
    this.deposit.failed()
  }
}

export interface EraseWrite extends WriteBase {
  readonly kind: 'erase'
  readonly bucket: Bucket
  readonly seqs: readonly number[]
  /** @param erased how many were there */
  resolve(erased: number): void
}

export type Write = DepositWrite | EraseWrite

/** One call of one script, with deposits put together by bucket. */
export interface Call {
  readonly script: Write['kind']
  readonly groups: DepositGroup[]
  /** Groups that can still be joined. */
  readonly open: Map<Bucket, DepositGroup>
  /** By TTL class, the expiry that was sealed for last. */
  readonly expiries: number[]
  readonly writes: Write[]
  readonly keys: string[]
  readonly args: Argument[]
}

/** What the deposit script answers for an envelope instead of its number. */
export const OUTCOME = { full: 0, noMemory: -1, first: -2 } as const

export function createCall(script: Write['kind']): Call {
  return { script, groups: [], open: new Map(), expiries: [], writes: [], keys: [], args: [] }
}

export function addErasure({ writes, keys, args }: Call, write: EraseWrite): void {
  writes.push(write)
  keys.push(bucketKey(write.bucket))
  args.push(write.seqs.length)
  for (const seq of write.seqs) args.push(`0-${seq}`)
}

/** @returns bytes of the envelope */
export function addDeposit({ groups, open, expiries }: Call, write: DepositWrite, record: SealedEnvelope): number {
  const { bucket, sealed } = record
  // The node may refuse one of the two expiries and all that stands after it: what comes later must stand there as well.
  if (expiries[bucket.classIndex] !== bucket.expiresAt) open.clear()
  expiries[bucket.classIndex] = bucket.expiresAt
  let group = open.get(bucket)
  if (group === undefined) {
    group = { record, writes: [], sealed: [], isAnnounced: false }
    open.set(bucket, group)
    groups.push(group)
  }
  write.group = group
  group.writes.push(write)
  group.sealed.push(sealed)
  return bytesIn(sealed)
}

/** Writes down what was put together, when the call is complete. */
export function addGroups({ groups, writes, keys, args }: Call, wakeBits: WakeBits): void {
  for (const { record, writes: deposits, sealed } of groups) {
    const { bucket, queue, capacity, firstSeq } = record
    keys.push(bucketKey(bucket))
    args.push(classSeconds(bucket.classIndex), bucket.expiresAt, capacity, firstSeq)
    args.push(wakeChannel(queue, wakeBits), encodeWake(queue, bucket), sealed.length)
    for (const bytes of sealed) args.push(bytes)
    for (const write of deposits) writes.push(write)
  }
}

/** Tells a deposit that has this outcome and is confirmed. */
export function settleStored({ deposit, group }: DepositWrite, outcome: number): void {
  const { record, isAnnounced } = group as DepositGroup
  ;(group as DepositGroup).isAnnounced = true
  const isFirst = outcome === OUTCOME.first
  deposit.stored(isFirst ? record.firstSeq : outcome, isFirst, !isAnnounced)
}
