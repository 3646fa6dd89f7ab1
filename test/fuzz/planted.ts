/** A parser with a fault that only inputs find which were made from inputs that got further than others. */
export function parsePlanted(bytes: Uint8Array): void {
  if (bytes.length !== 8) throw new RangeError('refused')
  if (bytes[1] !== 0x4c) throw new RangeError('refused')
  if (bytes[4] !== 0x45) throw new RangeError('refused')
  throw new TypeError('the planted fault')
}
