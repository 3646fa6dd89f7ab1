import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MalformedError } from '../../src/protocol/bytes.ts'

/** Bytes of exactly that length. */
export function bytesOf(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length })
}

/** A record of such fields, an object like those of the parsers. */
export function recordOf<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(fields, { noNullPrototype: true })
}

export const u8 = fc.integer({ min: 0, max: 0xff })
export const u16 = fc.integer({ min: 0, max: 0xffff })
export const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
/** Seconds and other 64-bit fields, as far as numbers are exact. */
export const u64 = fc.maxSafeNat()

/** A pair of encoder and parser, and values to try them on. */
export interface Codec<T> {
  readonly values: fc.Arbitrary<T>
  encode(value: T): Uint8Array
  parse(bytes: Uint8Array): T
  /** Whether bytes of this length are one of the lengths that this value's kind can have. */
  isLength(length: number, value: T): boolean
}

/** What is parsed is what was encoded, also where the bytes stand within a larger buffer. */
export function roundTrip<T>({ values, encode, parse }: Codec<T>): void {
  fc.assert(
    fc.property(values, u8, (value, before) => {
      const bytes = encode(value)
      assert.deepEqual(parse(bytes), value)
      const larger = new Uint8Array(before + bytes.length + 9).fill(0xee)
      larger.set(bytes, before)
      assert.deepEqual(parse(larger.subarray(before, before + bytes.length)), value)
    }),
  )
}

/** Every cut and every tail that does not give another valid length is refused. */
export function refusesOtherLengths<T>({ values, encode, parse, isLength }: Codec<T>): void {
  fc.assert(
    fc.property(values, fc.uint8Array({ minLength: 1, maxLength: 20 }), (value, tail) => {
      const bytes = encode(value)
      const lengths = bytes.length > 300 ? [0, 1, 2, 3, 18, 19, 40, bytes.length - 1] : bytes.keys()
      for (const length of lengths) {
        if (!isLength(length, value)) assert.throws(() => parse(bytes.subarray(0, length)), MalformedError)
      }
      const longer = new Uint8Array([...bytes, ...tail])
      if (!isLength(longer.length, value)) assert.throws(() => parse(longer), MalformedError)
    }),
    { numRuns: 30 },
  )
}

/**
 * Any bytes at all are either refused with a MalformedError, or are exactly what the parsed value encodes to.
 * @param first likely first bytes, so that not every try ends there
 */
export function refusesOrRepeats<T>({ encode, parse }: Codec<T>, first: readonly number[], lengths: number[]): void {
  const length = fc.oneof(fc.constantFrom(...lengths), fc.integer({ min: 0, max: 200 }))
  const noise = length.chain(bytesOf)
  fc.assert(
    fc.property(noise, fc.oneof(fc.constantFrom(...first), u8), (bytes, type) => {
      if (bytes.length > 0) bytes[0] = type
      let value: T
      try {
        value = parse(bytes)
      } catch (error) {
        assert.ok(error instanceof MalformedError)
        return
      }
      assert.deepEqual(new Uint8Array(encode(value)), bytes)
    }),
    { numRuns: 2000 },
  )
}
