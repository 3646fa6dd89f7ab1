import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Bucket } from '../../src/mailbox/mailbox-store.ts'
import { bucketOf, deriveQueue, NONCE_BYTES, type Queue, sealEnvelope } from '../../src/mailbox/sealing.ts'
import { classSeconds, expiryOf } from '../../src/protocol/retention.ts'
import { encodeWake } from '../../src/store/redis/announcements.ts'
import { bucketKey, wakeChannel } from '../../src/store/redis/keys.ts'
import { SCRIPTS } from '../../src/store/redis/scripts.ts'
import { type Command, ENVELOPE_BYTES, eventsOf, sendAll, type Truth } from './layout.ts'
import type { SimulatedDay, SimulatedEnvelope } from './simulated-day.ts'

const BUCKET_BYTES = 4_194_304
const WAKE_BITS = 12
/** An owner who is online and does not acknowledge is looked after this often. [protocol §8] */
const LOOK_PERIOD_MS = 30_000

const CLOCK = "tonumber(redis.call('TIME')[1])"

/** The relay's own script, with the server's clock replaced by that of the simulation: its last argument. */
function atSimulatedTime(lua: string): string {
  if (lua.split(CLOCK).length !== 2) throw new Error('the deposit script reads the clock in another way now')
  return lua.replace(CLOCK, 'tonumber(ARGV[#ARGV])')
}

/** Lets a day go by on an empty Redis, with the scripts and names that a relay uses. */
export async function writeLetheDay(redis: Redis, day: SimulatedDay, storeSecret: Uint8Array): Promise<Truth> {
  const writer = new LetheWriter(day, storeSecret)
  const commands = eventsOf(day).map(({ kind, envelope }) => writer[kind](envelope))
  for (const reply of await sendAll(redis, commands)) {
    // A deposit answers with the time and its outcome, an erasure with how many were there: none may have failed.
    const [, outcome = 0] = reply as [number, (string | number)?]
    if (outcome === 0 && (reply as number[])[0] !== 1) throw new Error('a simulated deposit or erasure was refused')
  }
  return writer.truth
}

class LetheWriter {
  readonly truth: Truth = new Map()
  readonly #day: SimulatedDay
  readonly #queues: readonly Queue[]
  readonly #depositLua = atSimulatedTime(SCRIPTS.deposit.lua)
  /** Numbers count up from a random one, so each is known before Redis gives it. */
  readonly #seqs = new Map<SimulatedEnvelope, number>()
  readonly #lastSeqs = new Map<string, number>()

  constructor(day: SimulatedDay, storeSecret: Uint8Array) {
    this.#day = day
    this.#queues = day.addresses.map((address) => deriveQueue(storeSecret, address))
  }

  deposit(envelope: SimulatedEnvelope): Command {
    const { mailbox, sizeIndex, classIndex, arrivedMs } = envelope
    const [queue, bucket, key] = this.#placeOf(envelope)
    const known = this.truth.get(key)
    const firstSeq = Math.max(1, randomBytes(6).readUIntBE(0, 6))
    const seq = known ? (this.#lastSeqs.get(key) as number) + 1 : firstSeq
    this.#lastSeqs.set(key, seq)
    this.#seqs.set(envelope, seq)
    const stream = known ?? { mailbox, sizeIndex, classIndex, waiting: new Map(), added: 0, lastUsedMs: 0 }
    this.truth.set(key, stream)
    stream.waiting.set(`0-${seq}`, envelope)
    stream.added++
    stream.lastUsedMs = this.#isStalled(mailbox) ? this.#someLookMs() : arrivedMs
    const size = ENVELOPE_BYTES[sizeIndex] as number
    const settings = [classSeconds(classIndex), bucket.expiresAt, Math.floor(BUCKET_BYTES / size), firstSeq]
    return () => {
      const sealed = Buffer.concat(sealEnvelope(queue, bucket, randomBytes(NONCE_BYTES), randomBytes(size)))
      const wake = [wakeChannel(queue, WAKE_BITS), encodeWake(queue, bucket)]
      return ['EVAL', this.#depositLua, 1, key, ...settings, ...wake, 1, sealed, Math.floor(arrivedMs / 1000)]
    }
  }

  erase(envelope: SimulatedEnvelope): Command {
    const [, , key] = this.#placeOf(envelope)
    const seq = this.#seqs.get(envelope) as number
    const stream = this.truth.get(key)
    stream?.waiting.delete(`0-${seq}`)
    if (stream) stream.lastUsedMs = envelope.takenMs as number
    if (stream?.waiting.size === 0) this.truth.delete(key)
    return () => ['EVAL', SCRIPTS.erase.lua, 1, key, 1, `0-${seq}`]
  }

  #placeOf({ mailbox, sizeIndex, classIndex, arrivedMs }: SimulatedEnvelope): [Queue, Bucket, string] {
    const queue = this.#queues[mailbox] as Queue
    const bucket = bucketOf(queue, sizeIndex, classIndex, expiryOf(arrivedMs / 1000, classIndex))
    return [queue, bucket, bucketKey(bucket)]
  }

  #isStalled(mailbox: number): boolean {
    return this.#day.stalled.has(mailbox)
  }

  #someLookMs(): number {
    return this.#day.endMs - Math.floor(Math.random() * LOOK_PERIOD_MS)
  }
}
