import type { FieldGroup } from './field.ts'

const RELAY = ['relay'] as const

/** What a process has in its memory whoever is connected, and where in its source: the embedded store, and what it runs by. */
export const PROCESS_FIELDS: readonly FieldGroup[] = [
  {
    place: 'memory',
    part: 'embedded store',
    lives: 'envelope',
    seenBy: RELAY,
    short: 'envelope',
    heldIn: [
      'store/memory/mailbox-store.ts#buckets',
      'store/memory/mailbox-store.ts#expiries',
      'store/memory/envelope-list.ts#seqs',
      'store/memory/envelope-list.ts#sealed',
    ],
    fields: {
      buckets: ['the same as in Redis, without a last access', 'without Redis they lie here, and end with the process'],
    },
  },
  {
    place: 'memory',
    part: 'process',
    lives: 'process',
    seenBy: RELAY,
    heldIn: [
      'mailbox/proof.ts#originHashes',
      'store/redis/node-watch.ts#clients',
      'store/redis/node-watch.ts#runIds',
      'store/redis/node-watch.ts#offsetsMs',
      'store/redis/node-watch.ts#memory',
      'store/redis/node-watch.ts#identified',
      'store/redis/subscriber-connections.ts#masters',
      'mailbox/deposit-connection.ts#envelopeBytes',
      'ws/socket-routes.ts#paths',
      'disclosure/store-guard.ts#faults',
      'disclosure/store-guard.ts#told',
    ],
    fields: {
      storeSecret: ['with an address, the names of its buckets and their contents', 'queues are made from it'],
      'TLS key': ['with it somebody can pretend to be this relay', 'connections are encrypted'],
      settings: ['what the variables say', 'the relay works by them'],
      'Redis nodes': [
        'their names, run ids, clocks, how full they are, and which of their settings are unsafe',
        'their clock decides, a replaced one is noticed, an unsafe one refused, and operators see how near the limit is',
      ],
    },
  },
  {
    place: 'memory',
    part: 'process',
    lives: 'process',
    seenBy: RELAY,
    heldIn: [
      'telemetry/tally.ts#values',
      'telemetry/metrics-page.ts#published',
      'telemetry/metrics-page.ts#rendered',
      'telemetry/expiry-tally.ts#expiries',
      'telemetry/expiry-tally.ts#accepted',
      'telemetry/expiry-tally.ts#acknowledged',
      'telemetry/aggregates.ts#counts',
      'admission/prefix-buckets.ts#tokens',
      'admission/prefix-buckets.ts#filledAt',
      'admission/prefix-buckets.ts#salt',
    ],
    fields: {
      'exact counts': [
        'the numbers behind the metrics before they are made coarse, over all mailboxes',
        'the metrics are made from them',
      ],
      'address prefixes': [
        'how much was sent of late by prefixes that nothing names: 65,536 numbers, each one that of hundreds of prefixes',
        'no network can take all there is',
      ],
      salt: [
        'which two of those numbers are those of a given prefix; random, new every five minutes, and never written',
        'the same prefix is found again for a while, and not after that',
      ],
      'counts by expiry': [
        'how many envelopes of each expiry were accepted and acknowledged through this process, over all mailboxes',
        'how many ended unread is estimated from them',
      ],
    },
  },
  {
    place: 'memory',
    part: 'lethe disclose',
    lives: 'process',
    seenBy: RELAY,
    heldIn: [
      'disclosure/ask-presence.ts#session',
      'disclosure/ask-presence.ts#sessionText',
      'disclosure/ask-presence.ts#answered',
    ],
    fields: {
      'what it reads': ['the address it was asked about, the keys made from it, and what waits', 'it is to say that'],
      question: ['nothing: 8 random bytes', 'relays repeat it in their answer'],
    },
  },
  {
    place: 'memory',
    part: 'process',
    lives: 'overwritten',
    seenBy: ['relay', 'machine'],
    fields: {
      'freed memory': [
        'pieces of anything above, addresses and envelopes included, for a while after it was let go',
        'JavaScript cannot wipe all that it has held',
      ],
    },
  },
]
