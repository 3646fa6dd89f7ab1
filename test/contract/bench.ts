import { randomBytes, randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Announcement, Cursor, MailboxStore, StoreListener } from '../../src/mailbox/mailbox-store.ts'
import { bucketOf, bucketsOf, deriveQueue, type Queue } from '../../src/mailbox/sealing.ts'
import { expiryOf } from '../../src/protocol/retention.ts'
import { type SealedEnvelope, storeDeposit } from '../_util/store-deposit.ts'
import type { Test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

/** Index of the class of one week: its slots last 28 hours, so that a test stays within one. */
export const WEEK = 4
export const DAY = 3
export const MINUTE = 0
/** Sizes that the tests tell apart. */
export const SIZES = 2

/** Some store contents, and the instances that work on them. */
export interface World {
  /** One more instance, not started. Where contents are not shared, it is called once. */
  open(): MailboxStore
  /** Moves the store's clock forward. Absent where time can only pass. */
  advance?(seconds: number): void
  /** Called when the test is over and all its instances are closed. */
  close?(): Promise<void>
}

export interface Contract {
  readonly create: () => World | Promise<World>
  /** Whether several instances can work on the same contents. */
  readonly isShared: boolean
  /** Whether nothing is heard of queues that the instance does not follow. The port leaves that open. */
  readonly isSelective?: boolean
}

/** Named cases, each with a world of its own. */
export type Cases = Readonly<Record<string, (t: Test, bench: Bench) => Promise<void>>>

/** What a listener was told, in order. Tags and sessions as latin1 text. */
export type Message =
  | { kind: 'wake'; wakeTag: string; sizeIndex: number; classIndex: number; expiresAt: number }
  | { kind: Announcement['kind']; wakeTag: string; session: string }
  | { kind: 'up'; isGap: boolean }
  | { kind: 'down' | 'replaced' }

/** A started store and what it has told its listener. */
export interface Instance {
  readonly store: MailboxStore
  readonly heard: Message[]
}

/** One test's world. */
export class Bench {
  readonly #t: Test
  readonly #world: World

  constructor(t: Test, world: World) {
    this.#t = t
    this.#world = world
  }

  /** An instance that is ready, and closed when the test ends. */
  async start(): Promise<Instance> {
    const store = this.#world.open()
    const heard: Message[] = []
    this.#t.teardown(() => store.close())
    await store.start(recorder(heard))
    // 4,096 subscriptions each, on a machine that may be busy.
    await eventually(() => heard.some(({ kind }) => kind === 'up'), { timeoutMs: 40_000 })
    // Not in the last moments of a slot, so that a whole test falls into one. They come once in 28 hours.
    const isEnding = () => expiryOf(store.nowSeconds(0) + 30, WEEK) > expiryOf(store.nowSeconds(0), WEEK)
    while (!this.#world.advance && isEnding()) await sleep(500)
    return { store, heard }
  }

  /** Lets the store's clock reach a second, by moving it where that can be done. */
  async passUntil(store: MailboxStore, second: number): Promise<void> {
    const isReached = () => store.nowSeconds(0) >= second
    if (this.#world.advance) this.#world.advance(Math.max(0, second - store.nowSeconds(0)))
    await eventually(isReached, { timeoutMs: 75_000, intervalMs: 100 })
  }
}

function recorder(heard: Message[]): StoreListener {
  return {
    wake: (wakeTag, sizeIndex, classIndex, expiresAt) =>
      heard.push({ kind: 'wake', wakeTag, sizeIndex, classIndex, expiresAt }),
    announced: (wakeTag, kind, session) => heard.push({ kind, wakeTag, session }),
    up: (isGap) => heard.push({ kind: 'up', isGap }),
    down: () => heard.push({ kind: 'down' }),
    replaced: () => heard.push({ kind: 'replaced' }),
  }
}

/** A queue that nobody else uses. */
export function createQueue(): Queue {
  return deriveQueue(randomBytes(32), randomBytes(32))
}

/** Another queue that shares the channel for wake-ups. */
export function neighbourOf(queue: Queue): Queue {
  const wakeTag = randomBytes(16)
  return { ...queue, queueId: randomBytes(16), wakeTag, wakeKey: wakeTag.toString('latin1') }
}

/** The first of a list that must have one. */
export function firstOf<T>(list: readonly T[]): T {
  if (list.length === 0) throw new Error('the list is empty')
  return list[0] as T
}

export function randomSeq(): number {
  return randomInt(1, 2 ** 48 - 1)
}

export interface DepositOptions {
  sizeIndex?: number
  classIndex?: number
  capacity?: number
  sealed?: Uint8Array
  firstSeq?: number
}

export type WholeEnvelope = SealedEnvelope & { readonly sealed: Uint8Array }

/** What a relay would hand to the store for an envelope that arrives at `nowSeconds`. */
export function record(queue: Queue, nowSeconds: number, options: DepositOptions = {}): WholeEnvelope {
  const { sizeIndex = 0, classIndex = WEEK, capacity = 100, sealed = randomBytes(40), firstSeq = randomSeq() } = options
  const bucket = bucketOf(queue, sizeIndex, classIndex, expiryOf(nowSeconds, classIndex))
  return { bucket, queue, firstSeq, capacity, sealed }
}

/** Deposits one envelope; gives the outcome, and the record that was stored. */
export async function deposit(store: MailboxStore, queue: Queue, options: DepositOptions = {}) {
  let made: WholeEnvelope | undefined
  const outcome = await storeDeposit(store, queue.partition, (now) => {
    made = record(queue, now, options)
    return made
  })
  return { outcome, ...(made as WholeEnvelope) }
}

/** As `deposit`, where the envelope must be stored. */
export async function put(instance: MailboxStore, queue: Queue, options: DepositOptions = {}) {
  const { outcome, ...made } = await deposit(instance, queue, options)
  if (outcome.kind !== 'stored') throw new Error('the bucket is full')
  const { seq, isFirst, isAnnounced } = outcome
  return { ...made, seq, isFirst, isAnnounced }
}

/** Stores that many, one after the other, and gives the records. */
export async function putMany(instance: MailboxStore, queue: Queue, count: number, options: DepositOptions = {}) {
  const { capacity = count, ...others } = options
  const deposits = Array.from({ length: count }, () => put(instance, queue, { ...others, capacity }))
  return await Promise.all(deposits)
}

/** What waits for a queue: [size, class, expiry, count] of each bucket, sorted. */
export async function survey(instance: MailboxStore, queue: Queue): Promise<number[][]> {
  const waiting = await instance.survey(bucketsOf(queue, SIZES, instance.nowSeconds(queue.partition)))
  const rows = waiting.map(({ bucket: { sizeIndex, classIndex, expiresAt }, count }) => [
    sizeIndex,
    classIndex,
    expiresAt,
    count,
  ])
  return rows.sort((a, b) => a.join().localeCompare(b.join()))
}

/** Everything in a bucket, read page by page until no more is promised. */
export async function readAll(instance: MailboxStore, { bucket }: Pick<SealedEnvelope, 'bucket'>, limit = 1000) {
  const entries: { seq: number; sealed: string }[] = []
  let cursor: Cursor | undefined
  for (;;) {
    const page = await instance.read(bucket, cursor, limit)
    for (const { seq, sealed } of page.entries) {
      entries.push({ seq, sealed: hex(sealed) })
      cursor = { base: page.base, last: seq }
    }
    if (!page.more) return entries
    if (page.entries.length === 0) throw new Error('more was promised and nothing came')
  }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** How `readAll` shows a stored record. */
export function shown({ seq, sealed }: { seq: number; sealed: Uint8Array }): { seq: number; sealed: string } {
  return { seq, sealed: hex(sealed) }
}

/**
 * Resolves when everything that was published for a queue before this call has been heard by the instance, shown by an
 * announcement on the same channel that comes after it.
 */
export async function heardAll(instance: Instance, queue: Queue): Promise<void> {
  const mark = neighbourOf(queue)
  const session = randomBytes(8)
  await instance.store.follow(mark)
  await instance.store.announce(mark, { kind: 'claim', session })
  const text = session.toString('latin1')
  await eventually(() => instance.heard.some((message) => message.kind === 'claim' && message.session === text))
  instance.store.unfollow(mark)
}

/** What an instance has heard of one queue. */
export function heardOf({ heard }: Instance, queue: Queue): Message[] {
  return heard.filter((message) => 'wakeTag' in message && message.wakeTag === queue.wakeKey)
}
