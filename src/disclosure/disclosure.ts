/**
 * What the operator can say about one mailbox, as `lethe disclose` writes it: JSON by docs/disclosure.schema.json.
 * Times are UTC by the clock of the store, to the second: `2026-11-23T08:00:00Z`.
 */
export interface Disclosure {
  readonly document: 'lethe disclosure'
  readonly version: 1
  readonly madeAt: string
  readonly asked: {
    /** 43 characters of base64url. */
    readonly address: string
    /** The mailbox's public key, where that was given. */
    readonly publicKey: string | null
  }
  readonly relay: RelayFacts
  /** Null where this tool cannot tell: with the embedded store. */
  readonly waiting: WaitingEnvelopes | null
  /** How closely an expiry tells an arrival, class by class. */
  readonly arrivalPrecision: readonly { readonly ttlClassSeconds: number; readonly precisionSeconds: number }[]
  readonly connected: { readonly answer: Presence; readonly explanation: string }
  /** Everything that the store holds about a bucket and an envelope, and where it is in this document. */
  readonly stored: readonly { readonly name: string; readonly tells: string; readonly given: string }[]
  readonly notHeld: readonly { readonly category: string; readonly what: string; readonly reason: string }[]
  readonly retention: readonly string[]
  readonly configuration: ConfigurationFacts
  readonly notCovered: readonly { readonly what: string; readonly why: string }[]
  /** Null unless it was asked for. */
  readonly ciphertext: DisclosedCiphertext | null
}

/**
 * Whether a socket has the mailbox open. `not asked`: nobody looked; `open`: a running relay said so; `no answer`: none
 * did; `cannot be asked`: with the embedded store.
 */
export type Presence = 'not asked' | 'open' | 'no answer' | 'cannot be asked'

/** What the relay says of itself. */
export interface RelayFacts {
  readonly software: { readonly name: 'lethe'; readonly version: string; readonly commit: string | null }
  readonly operator: {
    readonly name: string | null
    readonly jurisdiction: string | null
    readonly contact: string | null
  }
  readonly publicOrigins: readonly string[]
}

/** The settings that decide what is held, and for how long. No secret is among them. */
export interface ConfigurationFacts {
  readonly store: 'memory' | 'node' | 'sentinel' | 'cluster'
  readonly envelopeBytes: readonly number[]
  readonly defaultTtlSeconds: number
  readonly maxTtlSeconds: number
  readonly bucketBytes: number
  /** How many storeSecrets are read besides the live one. */
  readonly readOnlySecrets: number
  readonly wakeBits: number
  readonly redisMinReplicas: number
  readonly logLevel: string
  /** Whether metrics are live and exact; otherwise they move in steps that hide single messages. */
  readonly metricsExact: boolean
  /** Whether a store is used whose settings keep what it should forget. */
  readonly allowUnsafeStore: boolean
}

export interface WaitingEnvelopes {
  /** First and last moment at which the store was read. */
  readonly readFrom: string
  readonly readUntil: string
  readonly envelopes: number
  /** One for each size and class, those without an envelope included. */
  readonly groups: readonly WaitingGroup[]
}

export interface WaitingGroup {
  readonly envelopeBytes: number
  readonly ttlClassSeconds: number
  readonly envelopes: number
  readonly windows: readonly ExpiryWindow[]
}

/** What waits in one bucket: the envelopes of one size and class that came within the same sixth of the class. */
export interface ExpiryWindow {
  readonly storeSecret: SecretName
  /** When Redis erases all of them, whether or not they were read. */
  readonly erasedAt: string
  /** They came at this moment or later, */
  readonly arrivedFrom: string
  /** and before this one, which may not have come yet. */
  readonly arrivedBefore: string
  readonly waiting: number
  /** How many more came in the same time, size and class and were acknowledged. */
  readonly acknowledged: number
  /** Which of them the waiting ones are, in the order of arrival; 1 is the first that the bucket was given. */
  readonly places: readonly number[]
  /** How many of the waiting ones do not open with the keys of the mailbox: no relay with this secret wrote them. */
  readonly notSealedHere: number
}

/** Under which storeSecret something is stored; read-only ones are numbered as they are listed. */
export type SecretName = 'live' | `read-only ${number}`

export interface DisclosedCiphertext {
  readonly note: string
  readonly envelopes: readonly {
    readonly envelopeBytes: number
    readonly ttlClassSeconds: number
    readonly erasedAt: string
    readonly storeSecret: SecretName
    readonly place: number
    /** Base64 with padding; null where the entry does not open. */
    readonly ciphertext: string | null
  }[]
}
