/** What a store can be unsafe by, as far as relays look before they use it: the names of settings, and MONITOR. */
export const UNSAFE_BY = [
  'save',
  'appendonly',
  'shutdown-on-sigterm',
  'shutdown-on-sigint',
  'repl-diskless-sync',
  'repl-diskless-load',
  'stream-node-max-entries',
  'slowlog-log-slower-than',
  'loglevel',
  'crash-log-enabled',
  'maxmemory-policy',
  'monitor',
] as const

export type UnsafeBy = (typeof UNSAFE_BY)[number]

/** What one node of a store says of its settings. What could not be read is missing, or undefined. */
export interface NodeSettings {
  /** `host:port`, for people. */
  readonly address: string
  readonly settings: ReadonlyMap<string, string>
  /** Connections that are shown every command. */
  readonly monitors: number | undefined
}

/** Judges each node of a store before it is used, again after every loss of the connection, and until it may be. */
export interface NodeGuard {
  /** Names of the settings it goes by. */
  readonly settings: readonly string[]
  /** @param name of the node within its store. @returns whether the node may be used */
  admit(name: string, node: NodeSettings): boolean
  /** The node is no part of the store any more. */
  forget(name: string): void
}

/** All that an audit asks a node. What could not be read is missing, or undefined. */
export interface NodeFacts extends NodeSettings {
  readonly host: string
  /** Why nothing at all could be read; undefined where the node answered. */
  readonly silence: 'no-answer' | 'no-entry' | undefined
  readonly role: 'master' | 'replica' | undefined
  /** Settings that say whether what it sends to other nodes, and gets from them, is encrypted: none if there are none. */
  readonly links: readonly ('tls-replication' | 'tls-cluster')[]
  /** Major, minor and patch, as text. */
  readonly version: string | undefined
  /** Where the folder that it would write to lies; undefined where that cannot be told from here. */
  readonly folder: 'memory' | 'disk' | undefined
  /** Largest core dump of its process, as the system puts it; undefined where that cannot be told from here. */
  readonly coreLimit: string | undefined
  /** Connections that are told of changed keys. */
  readonly trackers: number | undefined
  readonly slowLogEntries: number | undefined
  readonly latencyEvents: number | undefined
  readonly aclLogEntries: number | undefined
  /** Whether it answers who shows no password. */
  readonly isOpen: boolean | undefined
  readonly rights: UserRights | undefined
  readonly keyspace: KeyspaceFacts | undefined
}

/** What the relay's user may do, beside what the relay needs. */
export interface UserRights {
  /** Commands that it may run and the relay does not need. */
  readonly excess: readonly string[]
  /** Commands that the relay needs and it may not run. */
  readonly missing: readonly string[]
  /** Whether it reaches keys whose name no bucket has. */
  readonly reachesOtherKeys: boolean
  /** Whether it reaches channels that are none of the relay's. */
  readonly reachesOtherChannels: boolean
}

/** How many keys break each rule, and how many there are. No name of any. */
export interface KeyspaceFacts {
  readonly keys: number
  /** Keys in databases that the relay does not use. */
  readonly elsewhere: number
  readonly broken: ReadonlyMap<string, number>
}

/** One key, as much of it as can be told without its name and without a byte of what it holds. */
export interface KeyFacts {
  /** Whether it is named like a bucket. */
  readonly isBucket: boolean
  readonly type: string
  /** Unix time in milliseconds, undefined if it stays for ever. */
  readonly expiresAtMs: number | undefined
  /** Unix seconds by the node's clock when it was looked at. */
  readonly nowSeconds: number
  /** Consumer groups of a stream. */
  readonly groups: number
  /** Entries whose id is not 0-n. */
  readonly foreignIds: number
  /** Entries that hold anything but one field `e`. */
  readonly foreignEntries: number
  /** How many of the other entries have each length, in bytes. */
  readonly lengths: ReadonlyMap<number, number>
}
