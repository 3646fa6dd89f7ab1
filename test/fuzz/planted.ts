import type { Parser } from './fuzz.ts'

/** A parser with a fault that only inputs find which were made from inputs that got further than others. */
export const PLANTED: Parser = {
  name: 'planted',
  seeds: [new Uint8Array(8)],
  parse(bytes) {
    if (bytes.length !== 8) throw new RangeError('refused')
    if (bytes[1] !== 0x4c) throw new RangeError('refused')
    if (bytes[4] !== 0x45) throw new RangeError('refused')
    throw new TypeError('the planted fault')
  },
  isRefusal: (error) => error instanceof RangeError,
}
