import {
  AT,
  BUCKETS,
  CONNECTIONS,
  ENVELOPES,
  get,
  mailboxOf,
  READ,
  type Rules,
  SLOTS,
  slotOf,
  type World,
} from './world.ts'

/** The smallest number of a bucket that anybody has in mind, if anybody has any; there is room for others below. */
export const FIRST_NUMBER = 16

/** Calls `visit` with every field that holds a number of a bucket, or zero. */
export function eachNumber({ setting }: Rules, w: World, bucket: number, visit: (at: number) => void): void {
  visit(AT.bucketBase + bucket)
  visit(AT.bucketLast + bucket)
  visit(AT.replicaBase + bucket)
  visit(AT.replicaLast + bucket)
  for (let e = 0; e < ENVELOPES; e++) {
    if (get(w, AT.bucket + e) !== bucket) continue
    visit(AT.seq + e)
    visit(AT.base + e)
  }
  const slot = slotOf(bucket)
  for (let c = 0; c < CONNECTIONS; c++) {
    if (get(w, AT.session + c) === 0 || setting.mailboxOfConnection[c] !== mailboxOf(bucket)) continue
    visit(AT.cursorBase + c * SLOTS + slot)
    visit(AT.cursorLast + c * SLOTS + slot)
    if (get(w, AT.readStage + c) === READ.read && get(w, AT.readSlot + c) === slot) visit(AT.pageBase + c)
  }
}

/** Moves the numbers of each bucket so that the smallest in anybody's mind is always the same. */
export function moveNumbers(rules: Rules, w: World): void {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const smallest = smallestNumber(rules, w, bucket)
    const by = FIRST_NUMBER - smallest
    if (smallest === 255 || by === 0) continue
    eachNumber(rules, w, bucket, (at) => {
      if (get(w, at) > 0) w[at] = get(w, at) + by
    })
  }
}

// The base of a bucket or cursor is below its last number, and of an envelope's numbers its own is the larger.
function smallestNumber({ setting }: Rules, w: World, bucket: number): number {
  let smallest = 255
  let number = get(w, AT.bucketBase + bucket)
  if (number > 0) smallest = number
  number = get(w, AT.replicaBase + bucket)
  if (number > 0 && number < smallest) smallest = number
  for (let e = 0; e < ENVELOPES; e++) {
    number = get(w, AT.base + e)
    if (number > 0 && number < smallest && get(w, AT.bucket + e) === bucket) smallest = number
  }
  for (let c = 0; c < CONNECTIONS; c++) {
    if (get(w, AT.session + c) === 0 || setting.mailboxOfConnection[c] !== mailboxOf(bucket)) continue
    number = get(w, AT.cursorBase + c * SLOTS + slotOf(bucket))
    if (number > 0 && number < smallest) smallest = number
    if (get(w, AT.readStage + c) !== READ.read || get(w, AT.readSlot + c) !== slotOf(bucket)) continue
    number = get(w, AT.pageBase + c)
    if (number > 0 && number < smallest) smallest = number
  }
  return smallest
}
