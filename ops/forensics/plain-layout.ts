import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { type Command, ENVELOPE_BYTES, eventsOf, sendAll, type Truth } from './layout.ts'
import type { SimulatedDay, SimulatedEnvelope } from './simulated-day.ts'

/** Name of a mailbox's stream. */
export function plainKey(address: Uint8Array): string {
  return `queue:${Buffer.from(address).toString('base64url')}`
}

/** Name of the channel on which a mailbox's owner hears of new envelopes. */
export function plainChannel(address: Uint8Array): string {
  return `notify:${Buffer.from(address).toString('base64url')}`
}

/**
 * Lets the same day go by in the layout that one would write down first: a stream for each mailbox, named after it; ids
 * as Redis makes them by itself, with the millisecond in front; what is acknowledged is deleted, and the stream stays.
 */
export async function writePlainDay(redis: Redis, day: SimulatedDay): Promise<Truth> {
  const truth: Truth = new Map()
  const places = new Map(day.envelopes.map((envelope, place) => [envelope, place]))
  const commands = eventsOf(day).map(({ kind, atMs, envelope }): Command => {
    const { mailbox, sizeIndex, classIndex, arrivedMs } = envelope
    const key = plainKey(day.addresses[mailbox] as Buffer)
    const id = idOf(arrivedMs, places.get(envelope) as number)
    const stream = truth.get(key) ?? { mailbox, sizeIndex, classIndex, waiting: new Map(), added: 0, lastUsedMs: 0 }
    truth.set(key, stream)
    stream.lastUsedMs = atMs
    if (kind === 'erase') {
      stream.waiting.delete(id)
      return () => ['XDEL', key, id]
    }
    stream.added++
    stream.waiting.set(id, envelope as SimulatedEnvelope)
    return () => ['XADD', key, id, 'e', randomBytes(ENVELOPE_BYTES[sizeIndex] as number)]
  })
  await sendAll(redis, commands)
  return truth
}

/** With a number behind it that tells envelopes of one millisecond apart. */
function idOf(arrivedMs: number, place: number): string {
  return `${arrivedMs}-${place}`
}
