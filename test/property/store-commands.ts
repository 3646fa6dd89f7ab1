import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { eraseNow } from '../../src/mailbox/erasures.ts'
import { bucketOf, type Queue } from '../../src/mailbox/sealing.ts'
import { slotSeconds } from '../../src/protocol/retention.ts'
import { type DepositOutcome, storeDeposit } from '../_util/store-deposit.ts'
import { createQueue, hex, type WholeEnvelope } from '../contract/bench.ts'
import type { ModelBucket, StoreModel, Subject } from './plain-store.ts'

/** Few of everything, so that sequences meet again and again in the same bucket. */
const QUEUES = 3
const SIZES = 2
const CAPACITY = 4

type Command = fc.AsyncCommand<StoreModel, Subject>

interface Arrival {
  queue: number
  sizeIndex: number
  classIndex: number
  length: number
  /** Slots by which the first attempt misses where it belongs. */
  offset: number
}

// Every sequence has queues of its own, because the store may hold what others left.
const queues = new WeakMap<StoreModel, Queue[]>()

function queueOf(model: StoreModel, index: number): Queue {
  const known = queues.get(model) ?? Array.from({ length: QUEUES }, createQueue)
  queues.set(model, known)
  return known[index] as Queue
}

class Deposit implements Command {
  readonly arrivals: readonly Arrival[]

  constructor(arrivals: readonly Arrival[]) {
    this.arrivals = arrivals
  }

  check = () => true

  /** All in one loop turn; the model takes them in the order of the calls. */
  async run(model: StoreModel, { store, advance }: Subject): Promise<void> {
    const attempts = this.arrivals.map((arrival) => depositOne(model, store, arrival))
    const outcomes = await Promise.all(attempts.map(({ outcome }) => outcome))
    for (const [i, { seals }] of attempts.entries()) {
      const { now, record } = seals.at(-1) as Seal
      const { bucket, firstSeq, sealed } = record
      if (advance) assert.equal(seals.length, this.arrivals[i]?.offset === 0 ? 1 : 2)
      assert.equal(bucket.expiresAt, model.expiryOf(now, bucket.classIndex))
      const outcome = outcomes[i] as DepositOutcome
      const expected = model.deposit(bucket, firstSeq, CAPACITY, hex(sealed))
      // Others of this turn may be told of by the same wake-up.
      if (outcome.kind === 'full') assert.deepEqual(outcome, expected)
      else assert.deepEqual(outcome, { ...expected, isAnnounced: outcome.isAnnounced })
    }
  }

  toString(): string {
    const texts = this.arrivals.map(({ queue, sizeIndex, classIndex, length, offset }) =>
      [queue, sizeIndex, classIndex, length, offset].join(','),
    )
    return `deposit(${texts.join(' | ')})`
  }
}

interface Seal {
  now: number
  record: WholeEnvelope
}

function depositOne(model: StoreModel, store: Subject['store'], arrival: Arrival) {
  const queue = queueOf(model, arrival.queue)
  const { classIndex, sizeIndex, length, offset } = arrival
  const firstSeq = model.nextFirstSeq()
  const sealed = new Uint8Array(length)
  sealed.set(createHash('sha256').update(String(firstSeq)).digest().subarray(0, length))
  const seals: Seal[] = []
  const outcome = storeDeposit(store, queue.partition, (now) => {
    const missed = seals.length === 0 ? offset * slotSeconds(classIndex) : 0
    const bucket = bucketOf(queue, sizeIndex, classIndex, model.expiryOf(now, classIndex) + missed)
    const record = { bucket, queue, firstSeq, capacity: CAPACITY, sealed }
    seals.push({ now, record })
    return record
  })
  return { outcome, seals }
}

/** A command about one of the buckets that were ever in use. */
abstract class AboutBucket implements Command {
  readonly pick: number

  constructor(pick: number) {
    this.pick = pick
  }

  check = (model: Readonly<StoreModel>) => model.buckets.length > 0

  run(model: StoreModel, subject: Subject): Promise<void> {
    const { buckets } = model
    // Counted from the newest, which is the one where things happen.
    return this.runOn(buckets.at(-1 - (this.pick % buckets.length)) as ModelBucket, model, subject)
  }

  abstract runOn(known: ModelBucket, model: StoreModel, subject: Subject): Promise<void>
}

class Read extends AboutBucket {
  readonly cursor: number | undefined
  readonly limit: number

  constructor(pick: number, cursor: number | undefined, limit: number) {
    super(pick)
    this.cursor = cursor
    this.limit = limit
  }

  override async runOn(known: ModelBucket, _model: StoreModel, { store }: Subject): Promise<void> {
    const { cursors, waiting, base, bucket } = known
    const after = this.cursor === undefined ? undefined : cursors.at(-1 - (this.cursor % (cursors.length || 1)))
    const page = await store.read(bucket, after, this.limit)
    const rest = waiting.filter(({ seq }) => after?.base !== base || seq > after.last)
    const entries = page.entries.map(({ seq, sealed }) => ({ seq, sealed: hex(sealed) }))
    assert.deepEqual(entries, rest.slice(0, this.limit))
    if (rest.length > this.limit) assert.equal(page.more, true)
    if (rest.length < this.limit) assert.equal(page.more, false)
    if (waiting.length > 0) assert.equal(page.base, base)
    const last = entries.at(-1)
    if (last) cursors.push({ base: page.base, last: last.seq })
  }

  override toString(): string {
    return `read(${this.pick}, cursor ${this.cursor}, limit ${this.limit})`
  }
}

class Erase extends AboutBucket {
  readonly picks: readonly number[]
  readonly strays: readonly number[]

  constructor(pick: number, picks: readonly number[], strays: readonly number[]) {
    super(pick)
    this.picks = picks
    this.strays = strays
  }

  override async runOn(known: ModelBucket, model: StoreModel, { store }: Subject): Promise<void> {
    const { given } = known
    const seqs = [...this.picks.map((pick) => given.at(-1 - (pick % given.length)) as number), ...this.strays]
    await eraseNow(store, known.bucket, seqs)
    model.erase(known, seqs)
  }

  override toString(): string {
    return `erase(${this.pick}, ${this.picks.join(' ')}, strays ${this.strays.join(' ')})`
  }
}

class Survey implements Command {
  check = () => true

  async run(model: StoreModel, { store }: Subject): Promise<void> {
    const partitions = new Set(model.buckets.map(({ bucket }) => bucket.partition))
    for (const partition of partitions) {
      const asked = model.buckets.filter(({ bucket }) => bucket.partition === partition)
      const found = await store.survey(asked.map(({ bucket }) => bucket))
      const expected = asked.filter(({ waiting }) => waiting.length > 0)
      assert.deepEqual(
        new Map(found.map(({ bucket, count }) => [hex(bucket.tag), count])),
        new Map(expected.map(({ bucket, waiting }) => [hex(bucket.tag), waiting.length])),
      )
    }
  }

  toString = () => 'survey'
}

class Advance implements Command {
  readonly seconds: number

  constructor(seconds: number) {
    this.seconds = seconds
  }

  check = () => true

  async run(model: StoreModel, { store, advance }: Subject): Promise<void> {
    advance?.(this.seconds)
    model.expire(store.nowSeconds(0))
  }

  toString(): string {
    return `advance(${this.seconds})`
  }
}

/** @param isTimeMovable without it there are no steps of time, and nothing is deposited that expires soon */
export function commandArbitraries(isTimeMovable: boolean): fc.Arbitrary<Command>[] {
  const pick = fc.nat({ max: 7 })
  const arrival = fc.record({
    queue: fc.nat({ max: QUEUES - 1 }),
    sizeIndex: fc.nat({ max: SIZES - 1 }),
    classIndex: isTimeMovable ? fc.constantFrom(0, 0, 0, 1, 2, 3, 4) : fc.constantFrom(3, 4),
    length: fc.constantFrom(0, 1, 32, 4028),
    offset: fc.constantFrom(0, 0, 0, 0, -1, 1, 6),
  })
  const arrivals = fc.array(arrival, { minLength: 1, maxLength: 8, size: 'medium' })
  const deposits = arrivals.map((list) => new Deposit(list))
  // The same again and again, until the bucket is full.
  const floods = fc.tuple(arrival, fc.integer({ min: 2, max: 6 })).map(([one, n]) => new Deposit(Array(n).fill(one)))
  const seq = fc.oneof(fc.nat(), fc.integer({ min: 2 ** 47, max: 2 ** 48 }))
  const commands: fc.Arbitrary<Command>[] = [
    deposits,
    floods,
    fc
      .tuple(pick, fc.option(pick, { nil: undefined }), fc.integer({ min: 1, max: 6 }))
      .map((args) => new Read(...args)),
    fc
      .tuple(pick, fc.array(pick, { maxLength: 8, size: 'medium' }), fc.array(seq, { maxLength: 2 }))
      .map((args) => new Erase(...args)),
    fc.constant(new Survey()),
  ]
  const steps = fc.constantFrom(0, 1, 5, 10, 50, 60, 100, 600, 3600, 14_400, 100_800, 604_800)
  if (isTimeMovable) commands.push(steps.map((seconds) => new Advance(seconds)))
  return commands
}
