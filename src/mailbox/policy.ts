/** What one relay grants and allows; the same for everybody. */
export interface RelayPolicy {
  /** Sizes in bytes, ascending. [protocol §2] */
  readonly envelopeBytes: readonly number[]
  readonly defaultTtlSeconds: number
  readonly maxTtlSeconds: number
  /** Bytes of envelopes that one bucket holds. */
  readonly bucketBytes: number
  /** Envelopes unacknowledged at once on one channel. */
  readonly window: number
  /** OPENs on one socket. */
  readonly maxChannels: number
}
