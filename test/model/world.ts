/** One state of the model: a byte for each field. Fields of which there are several stand one behind the other. */
export type World = Uint8Array

export const ENVELOPES = 3
export const CONNECTIONS = 2
export const RELAYS = 2
/** Buckets of one mailbox: one for each slot in which envelopes are sent. */
export const SLOTS = 2
/** Of two mailboxes. */
export const BUCKETS = 2 * SLOTS
export const QUEUE_LENGTH = 10

let size = 0

function fields(count: number): number {
  const offset = size
  size += count
  return offset
}

/** Where each field begins. Sets of envelopes are bit masks. */
export const AT = {
  // Four budgets: how often what may still happen. One state covers another that differs only in having less left.
  crashesLeft: fields(1),
  opensLeft: fields(1),
  repeatsLeft: fields(1),
  unused: fields(1),
  /** Envelopes sent in slot 0 go to one bucket, those of slot 1 to the next, and when slot 2 begins the first expires. */
  slot: fields(1),

  // An envelope, and what became of it.
  phase: fields(ENVELOPES),
  bucket: fields(ENVELOPES),
  seq: fields(ENVELOPES),
  /** Number of the first envelope of the bucket it was stored in. */
  base: fields(ENVELOPES),
  /** What the depositing relay holds of its listeners: nothing, an entry, or an entry that counts its wake-up. */
  entry: fields(ENVELOPES),
  /** Confirmed, hence perhaps accepted, and not acknowledged. */
  isOwed: fields(ENVELOPES),
  acknowledged: fields(ENVELOPES),

  // The store, and its replica, each with the envelopes it holds and, for each bucket, base and last number or zeros.
  held: fields(1),
  bucketBase: fields(BUCKETS),
  bucketLast: fields(BUCKETS),
  replicaHeld: fields(1),
  replicaBase: fields(BUCKETS),
  replicaLast: fields(BUCKETS),

  // A relay: whether it is subscribed, what it has still to hear, and how many own wake-ups it expects for each bucket.
  isSubscribed: fields(RELAYS),
  queueLength: fields(RELAYS),
  queue: fields(RELAYS * QUEUE_LENGTH),
  ownWakes: fields(RELAYS * BUCKETS),

  // A connection of a recipient, and its session.
  session: fields(CONNECTIONS),
  incarnation: fields(CONNECTIONS),
  isAsking: fields(CONNECTIONS),
  isLooking: fields(CONNECTIONS),
  /** The read under way: its stage, slot of its bucket, and once it was carried out, what the page holds. */
  readStage: fields(CONNECTIONS),
  readSlot: fields(CONNECTIONS),
  pageBase: fields(CONNECTIONS),
  pageEnvelopes: fields(CONNECTIONS),
  pageHasMore: fields(CONNECTIONS),
  cursorBase: fields(CONNECTIONS * SLOTS),
  cursorLast: fields(CONNECTIONS * SLOTS),
  isDirty: fields(CONNECTIONS * SLOTS),
  /** Envelopes sent and not acknowledged. Their recipient may have received them, or not yet. */
  outstanding: fields(CONNECTIONS),
  /** Acknowledged envelopes whose erasure waits for its relay's lane, and those that the store has erased unconfirmed. */
  erasureAsked: fields(CONNECTIONS),
  erasureDone: fields(CONNECTIONS),
  /** Those of both that the session waits for before it forgets their bucket. */
  erasureTracked: fields(CONNECTIONS),
  /** Envelopes whose erasure had been confirmed when the session claimed the mailbox. */
  erasedBefore: fields(CONNECTIONS),
} as const

/** A whole number of 32-bit words, as it is hashed by the word. */
export const WORLD_BYTES = Math.ceil(size / 4) * 4

/** Phases of an envelope. */
export const PHASE = {
  unsent: 0,
  /** The relay has sealed it and asks the store. */
  asked: 1,
  /** The relay that asked is gone, and the store will still carry it out. */
  orphan: 2,
  /** The store holds it, unconfirmed. */
  stored: 3,
  /** Its replica has it too; the relay has not heard so. */
  confirmed: 4,
  /** Its bucket is full, which the relay has not heard. */
  full: 5,
  /** The store's clock refused its expiry, which the relay has not heard. */
  misfit: 6,
  /** Nothing is under way for it: accepted, refused, or unsure. */
  done: 7,
} as const

/** `early` comes only with a planted fault. */
export const SESSION = { none: 0, early: 1, claimed: 2, open: 3 } as const

export const READ = { none: 0, asked: 1, read: 2 } as const

export const ACKNOWLEDGED = { no: 0, yes: 1, erasureConfirmed: 2 } as const

/** What may break: a relay, its subscription, a connection, the master, or the patience with a replica. */
export type Break = 'relay' | 'subscription' | 'connection' | 'master' | 'another store' | 'replica'

/** How many there are of what, who is where, and how much may go wrong. */
export interface Setting {
  readonly relayOfConnection: readonly [number, number]
  readonly relayOfEnvelope: readonly [number, number, number]
  readonly mailboxOfConnection: readonly [number, number]
  readonly mailboxOfEnvelope: readonly [number, number, number]
  readonly crashes: number
  readonly opens: number
  /** How often a recipient acknowledges again what it has acknowledged already. */
  readonly repeats: number
  /** Slots that begin after the first. */
  readonly slots: number
  readonly window: number
  readonly capacity: number
  /** What may break. */
  readonly breaks: readonly Break[]
  /** Whether a recipient acknowledges in the order in which it was sent envelopes, one or all, or as it likes. */
  readonly acknowledgesInOrder: boolean
  /** Envelopes that are never sent. */
  readonly unsent?: readonly number[]
}

/** Faults that can be built into the model, to see that it finds them. */
export const MUTATIONS = [
  'id reused',
  'read before subscribe',
  'acknowledged before stored',
  'lost claim',
  'early delete',
  'handed to anybody',
  'own wake-ups not counted by bucket',
  'cursor without base',
  'no question after a gap',
  'pushed while a page is under way',
  'first ones move the cursor',
] as const

export type Mutation = (typeof MUTATIONS)[number]

/** One model: its setting, and the fault built into it if any. */
export interface Rules {
  readonly setting: Setting
  readonly mutation: Mutation | undefined
  /** Whether steps between which nothing that matters can come are taken as one: see reductions.ts. */
  readonly isReduced: boolean
}

/** A property that does not hold. */
export class Violation extends Error {}

export function get(w: World, at: number): number {
  return w[at] as number
}

export function createWorld({ setting }: Rules): World {
  const w = new Uint8Array(WORLD_BYTES)
  w[AT.crashesLeft] = setting.crashes
  w[AT.opensLeft] = setting.opens
  w[AT.repeatsLeft] = setting.repeats
  w.fill(1, AT.isSubscribed, AT.isSubscribed + RELAYS)
  for (const e of setting.unsent ?? []) w[AT.phase + e] = PHASE.done
  return w
}

export const bucketOf = (mailbox: number, slot: number): number => mailbox * SLOTS + slot
export const mailboxOf = (bucket: number): number => (bucket / SLOTS) | 0
export const slotOf = (bucket: number): number => bucket % SLOTS
export const hasBit = (mask: number, bit: number): boolean => (mask & (1 << bit)) !== 0

/** Whether a bucket has expired in the store. */
export function hasExpired(w: World, bucket: number): boolean {
  return slotOf(bucket) === 0 && get(w, AT.slot) === SLOTS
}

export function countOf(mask: number): number {
  let bits = 0
  for (let left = mask; left > 0; left >>= 1) bits += left & 1
  return bits
}
