/** What anyone may ask of a relay. [protocol §7] */
export interface RelayInfo {
  readonly protocol: 'lethe.v1'
  readonly publicOrigins: readonly string[]
  readonly envelopeBytes: readonly number[]
  /** Seconds. */
  readonly ttlClasses: readonly number[]
  readonly defaultTtl: number
  readonly maxTtl: number
  readonly window: number
  readonly bucketBytes: number
  /** Mailboxes on one socket. */
  readonly maxChannels: number
  /** What a sender must show before depositing. */
  readonly admission: 'open'
  /** Where the keys of an OHTTP gateway are, null without one. */
  readonly ohttpKeys: string | null
  readonly operator: {
    readonly name: string | null
    readonly jurisdiction: string | null
    readonly contact: string | null
  }
  readonly software: { readonly name: 'lethe'; readonly version: string; readonly commit: string | null }
}
