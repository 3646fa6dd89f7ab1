import type { FieldGroup } from './field.ts'

const BUCKET = 'lethe1:{ppp}:<bucketTag>'
const CHANNEL = 'lethe1:{ppp}:w'
const FINE_CHANNEL = 'lethe1:{ppp}:w:<hex>'
const STORED = ['store', 'copy', 'relay'] as const
const HEARD = ['store', 'relay'] as const

const MESSAGE = {
  type: ['which of the four messages it is', 'relays read it by that'],
  wakeTag: [
    'a hash of the queueId: that two messages are about one mailbox, not about which',
    'a relay finds the connection that the message is for',
  ],
} as const

const ANNOUNCEMENT = {
  ...MESSAGE,
  session: ['a random number that stands for one OPEN', 'relays tell by it which connection is the newest'],
} as const

/** Names of fields that Redis gives for a stream are those of `XINFO STREAM … FULL`. [protocol §8] */
export const REDIS_FIELDS: readonly FieldGroup[] = [
  {
    place: 'redis',
    part: BUCKET,
    lives: 'bucket',
    seenBy: STORED,
    short: 'bucket',
    fields: {
      key: [
        'that a bucket exists, and in which of 4,096 partitions, which is the same for all buckets of a mailbox and for ' +
          'one mailbox in 4,096; the rest is a hash of the queueId, size, class and expiry, which cannot be made or ' +
          'recognised without storeSecret and address together',
        'the relay computes the name, so that no list has to lead from mailboxes to buckets',
      ],
      type: ['stream, for all of them', 'envelopes keep their order in it'],
      'radix-tree-keys': ['how many envelopes wait: one in each node', "Redis's own structure of a stream"],
      'radix-tree-nodes': ['how many envelopes wait, roughly', "Redis's own structure of a stream"],
      groups: ['nothing: there are none', 'every stream has the field'],
      encoding: ['stream, for all of them', 'OBJECT ENCODING exists for every key'],
      references: ['nothing: always 1', 'OBJECT REFCOUNT exists for every key'],
      memory: ['number and size of what waits', 'MEMORY USAGE can be asked of every key'],
    },
  },
  {
    place: 'redis',
    part: BUCKET,
    lives: 'bucket',
    seenBy: STORED,
    short: 'expiry',
    fields: {
      expiry: [
        'when the bucket is erased: a multiple of a sixth of its class, so that its envelopes came within one known ' +
          'sixth of a class',
        'Redis erases by it, with or without a relay',
      ],
    },
  },
  {
    place: 'redis',
    part: BUCKET,
    lives: 'bucket',
    seenBy: STORED,
    short: 'count',
    fields: {
      length: ['how many envelopes wait in the bucket', 'the cap of a bucket is checked by it'],
      'entries-added': [
        'how many envelopes the bucket was given since it was last empty: with the length, how many of them were ' +
          'acknowledged',
        'a reader tells by it whether the bucket is still the one it has read from',
      ],
      'last-generated-id': [
        'the random start plus the number of envelopes given',
        'the next envelope is numbered by it',
      ],
      'max-deleted-entry-id': [
        'which of the acknowledged envelopes was given last, by its place in the order',
        'Redis keeps it for every stream',
      ],
      'recorded-first-entry-id': [
        'which of the waiting envelopes was given first, by its place in the order',
        'Redis keeps it for every stream',
      ],
    },
  },
  {
    place: 'redis',
    part: BUCKET,
    lives: 'bucket',
    seenBy: ['store'],
    short: 'access',
    fields: {
      'last access': [
        'to the second, when anybody deposited, counted, read or acknowledged in this bucket, or whatever else ' +
          'looked at it (OBJECT IDLETIME); it is not part of a copy',
        'Redis notes it for every key, and has no setting to leave it out',
      ],
    },
  },
  {
    place: 'redis',
    part: `${BUCKET} entry`,
    lives: 'envelope',
    seenBy: STORED,
    short: 'count',
    fields: {
      id: [
        '0 and a number: a random start of 48 bits plus the place in the order of arrival within the bucket; no clock',
        'an acknowledgement names its envelope by it',
      ],
    },
  },
  {
    place: 'redis',
    part: `${BUCKET} entry`,
    lives: 'envelope',
    seenBy: STORED,
    short: 'envelope',
    fields: {
      'e: nonce': ['nothing: 12 random bytes', 'AES-GCM needs one for each envelope'],
      'e: ciphertext': [
        "the envelope's size. The bytes are the sender's ciphertext, encrypted again under a key that storeSecret and " +
          'address together give',
        'it is what the recipient comes for',
      ],
      'e: tag': ['nothing without the key', 'what was changed or moved to another bucket is noticed'],
    },
  },
  {
    place: 'redis',
    part: `${CHANNEL} wake`,
    lives: 'passing',
    seenBy: HEARD,
    fields: {
      ...MESSAGE,
      sizeIndex: ['the size of an envelope that has just come', 'the reader knows which bucket to look into'],
      classIndex: ['its class', 'the reader knows which bucket to look into'],
      expiresAt: ['when its bucket is erased', 'the reader knows which bucket to look into'],
    },
  },
  { place: 'redis', part: `${CHANNEL} claim`, lives: 'passing', seenBy: HEARD, fields: ANNOUNCEMENT },
  { place: 'redis', part: `${CHANNEL} question`, lives: 'passing', seenBy: HEARD, fields: ANNOUNCEMENT },
  { place: 'redis', part: `${CHANNEL} answer`, lives: 'passing', seenBy: HEARD, fields: ANNOUNCEMENT },
  {
    place: 'redis',
    part: CHANNEL,
    lives: 'process',
    seenBy: ['store'],
    fields: {
      subscribers: [
        'how many relays run: each is subscribed to all 4,096 of these channels from its start to its end',
        'so that subscriptions say nothing of who is online',
      ],
    },
  },
  {
    place: 'redis',
    part: FINE_CHANNEL,
    lives: 'open',
    seenBy: ['store'],
    short: 'channel',
    fields: {
      subscribers: [
        'with LETHE_WAKE_BITS above 12: how many relays have a mailbox open among those that share 16, 20 or 24 bits ' +
          'of the queueId; the same messages go over it as over the others',
        'with many relays it would be too much for each to hear all',
      ],
    },
  },
  {
    place: 'redis',
    part: 'server',
    lives: 'process',
    seenBy: ['store'],
    fields: {
      'INFO keyspace': ['how many buckets there are', 'Redis counts its keys'],
      'INFO commandstats': ['how often each command was called, over all mailboxes', 'Redis counts its commands'],
      'CLIENT LIST': ["the relays' addresses, and when each last sent a command", 'relays connect to it'],
      'script cache': ["the text of the relay's scripts", 'they are sent once and called by their hash'],
      'output buffers': ['sealed envelopes and wake-ups on their way to a relay', 'a relay may read slowly'],
    },
  },
  {
    place: 'redis',
    part: 'server',
    lives: 'backlog',
    seenBy: ['store'],
    fields: {
      'replication backlog': [
        'where Redis has or had a replica: the last writes, sealed, under the names of their buckets, their wake-ups, and ' +
          'a mark every ten seconds',
        'a replica that lost its connection for a moment catches up from it',
      ],
    },
  },
  {
    place: 'redis',
    part: 'server',
    lives: 'overwritten',
    seenBy: ['store', 'machine'],
    fields: {
      'freed memory': [
        'pieces of sealed envelopes that were erased',
        'no program wipes all that it frees; LETHE_STORE_SECRET and the address are needed to read any of it',
      ],
    },
  },
]
