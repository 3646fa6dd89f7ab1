import type { Command } from 'ioredis'
import type { Bucket, PendingDeposit, PendingErasure } from '../../mailbox/mailbox-store.ts'
import { classSeconds } from '../../protocol/retention.ts'
import { encodeWake } from './announcements.ts'
import type { CommandWriter } from './command-writer.ts'
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
  readonly bucket: Bucket
  readonly writes: DepositWrite[]
  /** Number of the first envelope, should this call create the bucket. */
  firstSeq: number
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
    return this.deposit.queue.partition
  }

  fail(): void {
    this.deposit.failed()
  }
}

export class EraseWrite implements WriteBase {
  readonly kind = 'erase'
  readonly erasure: PendingErasure
  readonly sinceMs = performance.now()

  constructor(erasure: PendingErasure) {
    this.erasure = erasure
  }

  get partition(): number {
    return this.erasure.bucket.partition
  }

  fail(): void {
    this.erasure.failed()
  }
}

export type Write = DepositWrite | EraseWrite

/** One call of one script, with deposits put together by bucket. */
export interface Call {
  readonly script: Write['kind']
  readonly groups: DepositGroup[]
  /** Groups that can still be joined. */
  readonly open: Map<Bucket, DepositGroup>
  /** By TTL class, the expiry that envelopes were placed by last. */
  readonly expiries: number[]
  /** In the order in which they are answered; of deposits only once the call is written. */
  writes: Write[]
}

/** What the deposit script answers for an envelope instead of its number. */
export const OUTCOME = { full: 0, noMemory: -1, first: -2 } as const

/** Arguments of the deposit script for each bucket, beside the envelopes. */
const GROUP_ARGS = 7

/** An envelope could not be sealed. */
export class SealError extends Error {
  readonly write: DepositWrite

  constructor(write: DepositWrite) {
    super('an envelope could not be sealed')
    this.write = write
  }
}

export function createCall(script: Write['kind']): Call {
  return { script, groups: [], open: new Map(), expiries: [], writes: [] }
}

export function addDeposit({ groups, open, expiries }: Call, write: DepositWrite, bucket: Bucket): void {
  // The node may refuse one of the two expiries and all that stands after it: what comes later must stand there as well.
  if (expiries[bucket.classIndex] !== bucket.expiresAt) open.clear()
  expiries[bucket.classIndex] = bucket.expiresAt
  let group = open.get(bucket)
  if (group === undefined) {
    group = { bucket, writes: [], firstSeq: 0, isAnnounced: false }
    open.set(bucket, group)
    groups.push(group)
  }
  write.group = group
  group.writes.push(write)
}

/**
 * Writes a call down, and seals its envelopes where they are written: what sealing makes is not held for longer.
 * @param script name of the command, and what it takes to name the script
 * @throws SealError for the first envelope that could not be sealed; nothing is written then
 */
export function writeCall(
  commands: CommandWriter,
  call: Call,
  [name, named]: readonly [string, string],
  wakeBits: WakeBits,
): Command {
  try {
    if (call.script === 'erase') writeErasures(commands, call.writes as EraseWrite[], name, named)
    else writeDeposits(commands, call, name, named, wakeBits)
    return commands.finish()
  } catch (error) {
    commands.cancel()
    throw error
  }
}

function writeErasures(commands: CommandWriter, writes: readonly EraseWrite[], name: string, named: string): void {
  let ids = 0
  for (const { erasure } of writes) ids += erasure.seqs.length
  commands.begin(name, 2 + 2 * writes.length + ids)
  commands.text(named)
  commands.number(writes.length)
  for (const { erasure } of writes) commands.text(bucketKey(erasure.bucket))
  for (const { erasure } of writes) {
    const { seqs } = erasure
    commands.number(seqs.length)
    for (const seq of seqs) commands.entryId(seq)
  }
}

function writeDeposits(commands: CommandWriter, call: Call, name: string, named: string, wakeBits: WakeBits): void {
  const { groups } = call
  call.writes = groups.flatMap(({ writes }) => writes)
  commands.begin(name, 2 + (1 + GROUP_ARGS) * groups.length + call.writes.length)
  commands.text(named)
  commands.number(groups.length)
  for (const { bucket } of groups) commands.text(bucketKey(bucket))
  for (const group of groups) {
    const { bucket, writes } = group
    const [{ deposit }] = writes as [DepositWrite]
    group.firstSeq = deposit.firstSeq()
    commands.number(classSeconds(bucket.classIndex))
    commands.number(bucket.expiresAt)
    commands.number(deposit.capacity)
    commands.number(group.firstSeq)
    commands.text(wakeChannel(deposit.queue, wakeBits))
    commands.bytes(encodeWake(deposit.queue, bucket))
    commands.number(writes.length)
    for (const write of writes) commands.bytes(seal(write))
  }
}

function seal(write: DepositWrite): ReturnType<PendingDeposit['seal']> {
  try {
    return write.deposit.seal()
  } catch {
    throw new SealError(write)
  }
}

/** Takes out a deposit that cannot be written. */
export function dropDeposit({ groups }: Call, write: DepositWrite): void {
  const group = write.group as DepositGroup
  group.writes.splice(group.writes.indexOf(write), 1)
  if (group.writes.length === 0) groups.splice(groups.indexOf(group), 1)
}

/** Tells a deposit that has this outcome and is confirmed. */
export function settleStored({ deposit, group }: DepositWrite, outcome: number): void {
  const { firstSeq, isAnnounced } = group as DepositGroup
  ;(group as DepositGroup).isAnnounced = true
  const isFirst = outcome === OUTCOME.first
  deposit.stored(isFirst ? firstSeq : outcome, isFirst, !isAnnounced)
}
