import type { Canary } from './canaries.ts'
import { viewsOf } from './decoders.ts'
import { PREFIX_BYTES, REPLACEMENT } from './forms.ts'
import { type Needle, needlesOf } from './needles.ts'

/** Every third window of six bytes: there is one in any eight bytes. */
const STRIDE = 3
/** Of long canaries the middle is looked for in pieces of 32 bytes. */
const MIDDLE_STRIDE = 27
const HEAD_BYTES = 256
const TAIL_BYTES = 64

const FILTER_BITS = 24

/** What six bytes may belong to. */
interface Place {
  readonly needle: Needle
  readonly at: number
}

/** Finds canaries in bytes, whichever of the encodings they are in. */
export class Scanner {
  /** One bit for each hash of six bytes: rules nearly everything out that is no canary. */
  readonly #filter = new Uint8Array(1 << (FILTER_BITS - 3))
  readonly #places = new Map<number, Place[]>()

  constructor(canaries: readonly Canary[]) {
    for (const canary of canaries) for (const needle of needlesOf(canary)) this.#add(needle)
  }

  /** How often each canary is in the bytes; those that are not are not in the answer. */
  scan(bytes: Buffer): Map<Canary, number> {
    const hits = new Map<Canary, number>()
    for (const { bytes: view, repeats } of viewsOf(bytes)) {
      for (const [canary, count] of this.#look(view)) {
        if (!repeats || !hits.has(canary)) hits.set(canary, (hits.get(canary) ?? 0) + count)
      }
    }
    return hits
  }

  #add(needle: Needle): void {
    const { bytes } = needle
    const last = bytes.length - PREFIX_BYTES
    for (let at = 0; at <= last; ) {
      this.#addWindow(needle, at)
      if (needle.isLossy) at += 1
      else at += at >= HEAD_BYTES && at < last - TAIL_BYTES ? MIDDLE_STRIDE : STRIDE
    }
  }

  #addWindow(needle: Needle, at: number): void {
    const { bytes, isLossy } = needle
    const window = bytes.subarray(at, at + PREFIX_BYTES)
    // Nothing but replacement characters is no sign of anything.
    if (isLossy && window.filter((byte) => !REPLACEMENT.has(byte)).length === 0) return
    const [high, low] = [window.readUInt16BE(0), window.readUInt32BE(2)]
    const bit = hashOf(high, low)
    this.#filter[bit >>> 3] = (this.#filter[bit >>> 3] as number) | (1 << (bit & 7))
    const key = high * 0x1_0000_0000 + low
    const places = this.#places.get(key)
    if (places) places.push({ needle, at })
    else this.#places.set(key, [{ needle, at }])
  }

  #look(view: Buffer): Map<Canary, number> {
    const hits = new Map<Canary, number>()
    const ends = new Map<Canary, number>()
    const filter = this.#filter
    let [high, low] = [0, 0]
    for (let i = 0; i < view.length; i++) {
      high = ((high << 8) | (low >>> 24)) & 0xffff
      low = ((low << 8) | (view[i] as number)) >>> 0
      const bit = hashOf(high, low)
      if (((filter[bit >>> 3] as number) & (1 << (bit & 7))) === 0 || i < PREFIX_BYTES - 1) continue
      for (const place of this.#places.get(high * 0x1_0000_0000 + low) ?? []) {
        const start = i - PREFIX_BYTES + 1
        const { canary } = place.needle
        const lastEnd = ends.get(canary) ?? 0
        // Inside of a hit, which was followed to its end.
        if (start < lastEnd) continue
        const hit = hitAt(view, start, place)
        if (!hit) continue
        ends.set(canary, hit.end)
        if (hit.start >= lastEnd) hits.set(canary, (hits.get(canary) ?? 0) + 1)
      }
    }
    return hits
  }
}

function hashOf(high: number, low: number): number {
  return Math.imul(low ^ Math.imul(high + 1, 0x9e3779b1), 0x85ebca6b) >>> (32 - FILTER_BITS)
}

/** What a view has in common with a needle there, if that is enough for a hit. */
function hitAt(view: Buffer, start: number, { needle, at }: Place): { start: number; end: number } | undefined {
  const { bytes, fromStart, anywhere, isLossy } = needle
  let before = 0
  while (before < at && start - before > 0 && view[start - before - 1] === bytes[at - before - 1]) before++
  let after = PREFIX_BYTES
  while (at + after < bytes.length && start + after < view.length && view[start + after] === bytes[at + after]) after++
  const common = bytes.subarray(at - before, at + after)
  const length = isLossy ? common.filter((byte) => !REPLACEMENT.has(byte)).length : common.length
  if (length < (before === at ? fromStart : anywhere)) return undefined
  return { start: start - before, end: start + after }
}
