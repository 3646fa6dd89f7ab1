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
  /** Whether the operator's metrics are live and exact, as for a load test. */
  readonly metricsExact: boolean
  /** Otherwise: seconds between two publications, and the step in which counts move. */
  readonly metricsInterval: number
  readonly metricsStep: number
  /** Whether clients are limited by what they send and are sent; nobody has to show anything. */
  readonly admission: 'open' | 'limited'
  /** Where the keys of an OHTTP gateway are, null without one. */
  readonly ohttpKeys: string | null
  /** Settings by which the store that is used may keep what it should forget, since the operator allows it; else none. */
  readonly unsafeStore: readonly string[]
  readonly operator: {
    readonly name: string | null
    readonly jurisdiction: string | null
    readonly contact: string | null
  }
  readonly software: { readonly name: 'lethe'; readonly version: string; readonly commit: string | null }
  readonly data: RelayData
}

/** What a relay of this version holds, in short: the same for every relay. */
export interface RelayData {
  readonly whileWaiting: readonly string[]
  readonly whileConnected: readonly string[]
  /** Names of everything that can be logged. */
  readonly logged: readonly string[]
  /** Names of everything that is counted. */
  readonly counted: readonly string[]
  readonly neverHeld: readonly string[]
}
