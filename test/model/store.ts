import { MESSAGE, publish } from './messages.ts'
import { eachNumber, FIRST_NUMBER } from './numbers.ts'
import {
  ACKNOWLEDGED,
  AT,
  BUCKETS,
  bucketOf,
  CONNECTIONS,
  countOf,
  ENVELOPES,
  get,
  hasBit,
  hasExpired,
  PHASE,
  READ,
  type Rules,
  SLOTS,
  Violation,
  type World,
} from './world.ts'

/** What the scripts in src/store/redis/scripts do, and replication. Each function is one script, hence atomic. [§8] */

/** Envelopes that a bucket holds, as a mask. */
export function heldIn(w: World, bucket: number): number {
  let mask = 0
  for (let e = 0; e < ENVELOPES; e++) {
    if (hasBit(get(w, AT.held), e) && get(w, AT.bucket + e) === bucket) mask |= 1 << e
  }
  return mask
}

/** deposit.lua: one relay's envelopes, in order. @param isBelow where the first number of a bucket made anew lies */
export function storeBatch(rules: Rules, w: World, relay: number, isBelow: boolean): void {
  for (let e = 0; e < ENVELOPES; e++) {
    const phase = get(w, AT.phase + e)
    if (rules.setting.relayOfEnvelope[e] !== relay || (phase !== PHASE.asked && phase !== PHASE.orphan)) continue
    const outcome = store(rules, w, e, isBelow)
    w[AT.phase + e] = phase === PHASE.orphan ? PHASE.done : outcome
  }
}

// One that comes after a misfit has been sealed in the same slot or earlier, so that it is a misfit too.
function store(rules: Rules, w: World, e: number, isBelow: boolean): number {
  const bucket = get(w, AT.bucket + e)
  if (bucket % SLOTS !== get(w, AT.slot)) return PHASE.misfit
  if (countOf(heldIn(w, bucket)) >= rules.setting.capacity) return PHASE.full
  append(rules, w, e, isBelow)
  return PHASE.stored
}

function append(rules: Rules, w: World, e: number, isBelow: boolean): void {
  const bucket = get(w, AT.bucket + e)
  if (get(w, AT.bucketBase + bucket) === 0) {
    const first = firstNumber(rules, w, bucket, isBelow)
    w[AT.bucketBase + bucket] = first
    w[AT.bucketLast + bucket] = first - 1
  }
  const seq = get(w, AT.bucketLast + bucket) + 1
  w[AT.bucketLast + bucket] = seq
  w[AT.seq + e] = seq
  w[AT.base + e] = get(w, AT.bucketBase + bucket)
  w[AT.held] = get(w, AT.held) | (1 << e)
  publish(w, MESSAGE.wake, bucket)
}

// It is random: none that anybody remembers, and as likely below as above those.
function firstNumber(rules: Rules, w: World, bucket: number, isBelow: boolean): number {
  let [smallest, largest] = [255, 0]
  eachNumber(rules, w, bucket, (at) => {
    const number = get(w, at)
    if (number > 0 && number < smallest) smallest = number
    if (number > largest) largest = number
  })
  if (largest === 0 || rules.mutation === 'id reused') return FIRST_NUMBER
  return isBelow ? smallest - ENVELOPES - 1 : largest + 2
}

/** erase.lua: whatever has these envelopes' numbers goes, and a bucket with its last. */
export function eraseBatch({ setting }: Rules, w: World, relay: number): void {
  for (let c = 0; c < CONNECTIONS; c++) {
    const asked = get(w, AT.erasureAsked + c)
    if (setting.relayOfConnection[c] !== relay || asked === 0) continue
    for (let e = 0; e < ENVELOPES; e++) if (hasBit(asked, e)) erase(w, get(w, AT.bucket + e), get(w, AT.seq + e))
    w[AT.erasureAsked + c] = 0
    w[AT.erasureDone + c] = asked
  }
}

function erase(w: World, bucket: number, seq: number): void {
  for (let e = 0; e < ENVELOPES; e++) {
    if (!hasBit(heldIn(w, bucket), e) || get(w, AT.seq + e) !== seq) continue
    w[AT.held] = get(w, AT.held) & ~(1 << e)
    if (heldIn(w, bucket) === 0) dropBucket(w, bucket)
  }
}

function dropBucket(w: World, bucket: number): void {
  w[AT.bucketBase + bucket] = 0
  w[AT.bucketLast + bucket] = 0
}

/** survey.lua: whether a bucket exists. */
export function exists(w: World, bucket: number): boolean {
  return get(w, AT.bucketBase + bucket) > 0
}

/**
 * page.ts: a page after the cursor, or from the start if the bucket is another one. Nothing moves the cursor while a read
 * is under way, so that it counts as asked with the one of now; and with the room of now, as one that was asked later.
 */
export function read(rules: Rules, w: World, c: number): void {
  const slot = get(w, AT.readSlot + c)
  const bucket = bucketOf(rules.setting.mailboxOfConnection[c] as number, slot)
  const base = get(w, AT.bucketBase + bucket)
  const isSame = base === get(w, AT.cursorBase + c * SLOTS + slot) || rules.mutation === 'cursor without base'
  const held = heldIn(w, bucket)
  let lastRead = isSame ? get(w, AT.cursorLast + c * SLOTS + slot) : 0
  let room = rules.setting.window - countOf(get(w, AT.outstanding + c))
  let page = 0
  for (let e = nextAfter(w, held, lastRead); e >= 0 && room > 0; e = nextAfter(w, held, lastRead)) {
    if (get(w, AT.acknowledged + e) === ACKNOWLEDGED.erasureConfirmed) {
      throw new Violation(`envelope ${e} is read after its erasure was confirmed`)
    }
    page |= 1 << e
    lastRead = get(w, AT.seq + e)
    room--
  }
  w[AT.readStage + c] = READ.read
  w[AT.pageBase + c] = page > 0 ? base : 0
  w[AT.pageEnvelopes + c] = page
  w[AT.pageHasMore + c] = page > 0 && room === 0 && lastRead < get(w, AT.bucketLast + bucket) ? 1 : 0
}

/** Of some envelopes the one with the smallest number after this one, or -1. */
export function nextAfter(w: World, envelopes: number, seq: number): number {
  let next = -1
  for (let e = 0; e < ENVELOPES; e++) {
    if (!hasBit(envelopes, e) || get(w, AT.seq + e) <= seq) continue
    if (next < 0 || get(w, AT.seq + e) < get(w, AT.seq + next)) next = e
  }
  return next
}

const COPIED = [
  [AT.held, AT.replicaHeld, 1],
  [AT.bucketBase, AT.replicaBase, BUCKETS],
  [AT.bucketLast, AT.replicaLast, BUCKETS],
] as const

/** Whether the replica lacks something, or has not confirmed it. */
export function isBehind(w: World): boolean {
  for (let e = 0; e < ENVELOPES; e++) if (get(w, AT.phase + e) === PHASE.stored) return true
  for (let c = 0; c < CONNECTIONS; c++) if (get(w, AT.erasureDone + c) > 0) return true
  return COPIED.some(([from, to, length]) => {
    for (let i = 0; i < length; i++) if (get(w, from + i) !== get(w, to + i)) return true
    return false
  })
}

/** The replica catches up and confirms what is stored. */
export function replicate(w: World): void {
  for (const [from, to, length] of COPIED) w.copyWithin(to, from, from + length)
  for (let e = 0; e < ENVELOPES; e++) {
    if (get(w, AT.phase + e) !== PHASE.stored) continue
    w[AT.phase + e] = PHASE.confirmed
    const isWanted = get(w, AT.acknowledged + e) === ACKNOWLEDGED.no && !hasExpired(w, get(w, AT.bucket + e))
    if (isWanted) w[AT.isOwed + e] = 1
  }
}

/** What the replica has, it has without an erased envelope too. */
export function confirmErasures(w: World, c: number): void {
  for (let e = 0; e < ENVELOPES; e++) {
    const isErased = hasBit(get(w, AT.erasureDone + c), e) && !hasBit(get(w, AT.held), e)
    if (isErased && get(w, AT.acknowledged + e) === ACKNOWLEDGED.yes)
      w[AT.acknowledged + e] = ACKNOWLEDGED.erasureConfirmed
  }
}

/** The master is gone; its replica takes its place. */
export function promote(w: World): void {
  for (const [from, to, length] of COPIED) w.copyWithin(from, to, to + length)
}

/** The first slot's buckets expire, wherever they are. */
export function expire(w: World): void {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    if (!hasExpired(w, bucket)) continue
    for (let e = 0; e < ENVELOPES; e++) {
      if (get(w, AT.bucket + e) !== bucket) continue
      w[AT.held] = get(w, AT.held) & ~(1 << e)
      w[AT.replicaHeld] = get(w, AT.replicaHeld) & ~(1 << e)
      w[AT.isOwed + e] = 0
    }
    dropBucket(w, bucket)
    w[AT.replicaBase + bucket] = 0
    w[AT.replicaLast + bucket] = 0
  }
}
