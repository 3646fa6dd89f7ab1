/** Time, replaceable in tests. Milliseconds throughout. */
export interface Clock {
  /** Unix time of this machine. */
  nowMs(): number
  /** Runs `action` once after `delayMs`; the result cancels it. Never keeps the process alive. */
  after(delayMs: number, action: () => void): () => void
  /** Runs `action` every `periodMs`; the result ends it. Never keeps the process alive. */
  every(periodMs: number, action: () => void): () => void
}

/** Cryptographically strong randomness, replaceable in tests. */
export interface RandomSource {
  /** `length` bytes that nobody else is given. */
  bytes(length: number): Uint8Array
}
