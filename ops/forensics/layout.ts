import type { Redis } from 'ioredis'
import type { SimulatedDay, SimulatedEnvelope } from './simulated-day.ts'

/** Sizes of the simulated envelopes, before they are sealed. */
export const ENVELOPE_BYTES = [4_000, 64_000]

/** One stream of a store, and what nobody who looks at the store is told. Times are Unix milliseconds. */
export interface TrueStream {
  readonly mailbox: number
  readonly sizeIndex: number
  readonly classIndex: number
  /** What waits in it, by stream id. */
  readonly waiting: Map<string, SimulatedEnvelope>
  /** How many it was given, those that were acknowledged included. */
  added: number
  /** When anybody last used it. */
  lastUsedMs: number
}

/** The truth about a store that was filled, by key. */
export type Truth = Map<string, TrueStream>

export interface Event {
  readonly kind: 'deposit' | 'erase'
  readonly atMs: number
  readonly envelope: SimulatedEnvelope
}

/** Deposits and erasures in the order in which they happened. */
export function eventsOf({ envelopes }: SimulatedDay): Event[] {
  const events = envelopes.flatMap((envelope): Event[] => {
    const { arrivedMs, takenMs } = envelope
    const deposit = { kind: 'deposit', atMs: arrivedMs, envelope } as const
    return takenMs === undefined ? [deposit] : [deposit, { kind: 'erase', atMs: takenMs, envelope }]
  })
  return events.sort((a, b) => a.atMs - b.atMs)
}

/** Made only when it is sent, so that a day's envelopes need not be in memory at once. */
export type Command = () => readonly [string, ...(string | number | Buffer)[]]

const BATCH_COMMANDS = 256

/** Sends all in order and gives the replies. @throws the first error */
export async function sendAll(redis: Redis, commands: readonly Command[]): Promise<unknown[]> {
  const replies: unknown[] = []
  for (let i = 0; i < commands.length; i += BATCH_COMMANDS) {
    const pipeline = redis.pipeline()
    for (const command of commands.slice(i, i + BATCH_COMMANDS)) pipeline.callBuffer(...command())
    for (const [error, reply] of (await pipeline.exec()) ?? []) {
      if (error) throw error
      replies.push(reply)
    }
  }
  return replies
}
