/** TTL classes in seconds; the position in the list is the classIndex. [protocol §3] */
export const TTL_CLASSES = [60, 600, 3600, 86_400, 604_800] as const

export const DEFAULT_TTL_SECONDS = 86_400
export const MAX_TTL_SECONDS = 604_800

/** Slots of one class in which an envelope can expire: the six that are live, and one for a relay whose clock is behind. */
export const SLOTS_PER_CLASS = 7

const MAX_U32 = 0xffff_ffff

/**
 * Index of the largest class `c ≤ min(ttl, maxTtl)`; anything shorter than the first class gets the first. [protocol §3]
 * @param ttlSeconds what the sender asked for, any non-negative integer
 */
export function grantClass(ttlSeconds: number, maxTtlSeconds: number): number {
  const granted = Math.min(ttlSeconds, maxTtlSeconds)
  for (let i = TTL_CLASSES.length - 1; i > 0; i--) {
    if ((TTL_CLASSES[i] as number) <= granted) return i
  }
  return 0
}

/** Length of one expiry slot: a sixth of the class. [protocol §3] */
export function slotSeconds(classIndex: number): number {
  return classSeconds(classIndex) / 6
}

/** @throws RangeError for an index that is no class */
export function classSeconds(classIndex: number): number {
  const seconds = TTL_CLASSES[classIndex]
  if (seconds === undefined) throw new RangeError('no such TTL class')
  return seconds
}

/** `floor((now + c) / s) · s`: when an envelope that arrives now is erased. Unix seconds in and out. [protocol §3] */
export function expiryOf(nowSeconds: number, classIndex: number): number {
  const seconds = classSeconds(classIndex)
  const slot = seconds / 6
  return Math.floor((nowSeconds + seconds) / slot) * slot
}

/** Every expiry that a waiting envelope of the class can have now, the earliest first. [protocol §8] */
export function liveExpiries(nowSeconds: number, classIndex: number): number[] {
  const slot = slotSeconds(classIndex)
  const newest = expiryOf(nowSeconds, classIndex) + slot
  return Array.from({ length: SLOTS_PER_CLASS }, (_, i) => newest - (SLOTS_PER_CLASS - 1 - i) * slot)
}

/**
 * Seconds asked for by a `TTL` header: `1*DIGIT`, saturating at u32. [protocol §4]
 * @returns undefined when the text is anything else
 */
export function readTtl(text: string): number | undefined {
  return /^[0-9]+$/.test(text) ? Math.min(Number(text), MAX_U32) : undefined
}
