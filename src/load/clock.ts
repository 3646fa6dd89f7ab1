const OFFSET_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** Milliseconds on a clock that all processes of one machine share and that nobody sets. */
export function monotonicMs(): number {
  return performance.now() + OFFSET_MS
}
