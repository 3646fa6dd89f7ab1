/** Where a piece of information can be. */
export const PLACES = {
  redis: 'Redis',
  memory: 'Memory of the relay',
  log: 'Log of the relay',
  metric: 'Metrics',
  response: 'What the relay answers',
  environment: 'Environment of the process',
  outside: 'Outside the relay',
} as const

export type Place = keyof typeof PLACES

/** How long a piece of information is there. */
export const LIFETIMES = {
  envelope: 'until it is acknowledged or its time is up, which is at most 7 days after it came',
  bucket: 'until the last envelope of the bucket is acknowledged, or its time is up',
  passing: 'passed on at once, and kept nowhere but in a replication backlog, where there is one',
  backlog: 'until as many bytes again were written as the backlog holds',
  overwritten: 'until something else is written to the same place',
  storing: 'until the store has confirmed',
  request: 'until the request is answered',
  proof: 'until the signature was checked',
  open: 'while the mailbox is open on the connection',
  connection: 'while the connection lasts',
  process: 'while the process runs',
  answer: 'not on the relay, once it is sent',
  log: 'as long as the operator keeps the log',
  scrape: 'while the process runs, and as long as the operator keeps what was scraped from it',
  setting: 'as long as the variable is set',
  foreign: 'as long as whoever runs it keeps it: the relay has no say in it',
} as const

export type Lifetime = keyof typeof LIFETIMES

/** Who can see a piece of information, besides whoever is shown it by one of these. */
export const VIEWERS = {
  relay: "whoever controls the relay's machine",
  store: 'whoever controls Redis or watches it',
  copy: 'whoever has a copy of Redis',
  log: 'whoever reads the log',
  metrics: 'whoever reads the metrics',
  anyone: 'anyone',
  sender: 'the sender',
  recipient: 'the recipient',
  proxy: 'whoever runs a proxy in front that ends TLS',
  network: 'whoever watches the network',
  machine: 'whoever controls a machine, its hypervisor or its disk',
} as const

export type Viewer = keyof typeof VIEWERS

/** One piece of information that can exist somewhere because the relay runs. */
export interface Field {
  readonly place: Place
  /** What it is part of: a form of key, a message, a route, an event, a metric. */
  readonly part: string
  readonly name: string
  /** What somebody who sees it learns. */
  readonly tells: string
  readonly lives: Lifetime
  readonly seenBy: readonly Viewer[]
  /** Why it is needed. */
  readonly why: string
  /** The line that stands for it where people are told in short; see `SHORT_LINES`. */
  readonly short?: ShortLine
  /** The class members that hold it, as `file#member`; tests hold them against the source. */
  readonly heldIn?: readonly string[]
}

/**
 * What is held for the sake of people, in words short enough to be read by them. Every field that lives as long as an
 * envelope or a connection belongs to one of these lines.
 */
export const SHORT_LINES = {
  waiting: {
    envelope: 'the envelope, encrypted once more by the relay over what the sender encrypted',
    bucket:
      'the name of the bucket it lies in: a hash that nobody can tie to an address without a secret that the store ' +
      'never sees',
    expiry:
      'when the bucket will be erased, from which follows when its envelopes came, to within a sixth of their ' +
      'lifetime: 4 hours for a day',
    count:
      'how many envelopes lie in the bucket, in which order they came, and how many more came with them and were ' +
      'acknowledged',
    access: 'when a running store last touched the bucket, for whatever reason; a copy does not hold it',
  },
  connected: {
    peer: 'your IP address and port, since an answer has to go somewhere',
    request: 'what your client sends, headers included, until it is answered',
    mailbox: 'the address of an open mailbox, or keys made from it, and where its envelopes lie',
    delivery: 'which envelopes you were sent and have not acknowledged yet',
    session: 'a random number for the connection, by which relays see which one is the newest',
    channel:
      'in the store, where many relays share it: that one or more of the many mailboxes of a channel are connected',
  },
} as const

export type ShortLine = keyof (typeof SHORT_LINES)['waiting'] | keyof (typeof SHORT_LINES)['connected']

/** Fields that have most in common. */
export interface FieldGroup extends Omit<Field, 'name' | 'tells' | 'why'> {
  /** By name: what it tells, and why it is needed. */
  readonly fields: Readonly<Record<string, readonly [tells: string, why: string]>>
}

export function fieldsOf({ fields, ...common }: FieldGroup): Field[] {
  return Object.entries(fields).map(([name, [tells, why]]) => ({ ...common, name, tells, why }))
}
