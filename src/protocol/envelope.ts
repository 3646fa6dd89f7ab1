export const ENVELOPE_ID_BYTES = 16

/** Default sizes in bytes, ascending; the position is the sizeIndex. [protocol §2] */
export const DEFAULT_ENVELOPE_BYTES = [4000, 64_000] as const

/** Index of the size that a length is exactly, or -1. */
export function sizeIndexOf(length: number, envelopeBytes: readonly number[]): number {
  return envelopeBytes.indexOf(length)
}
