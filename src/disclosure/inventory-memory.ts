import type { FieldGroup } from './field.ts'

const RELAY = ['relay'] as const

const SEEN_BY_REQUEST = ['relay', 'proxy'] as const

/** What a relay has in its memory while it serves somebody, and where in its source. */
export const MEMORY_FIELDS: readonly FieldGroup[] = [
  {
    place: 'memory',
    part: 'connection',
    lives: 'connection',
    seenBy: ['relay', 'proxy', 'network'],
    short: 'peer',
    heldIn: ['ws/outgoing.ts#socket', 'ws/socket-routes.ts#connections'],
    fields: {
      'peer address': [
        "the client's IP address and port, or those of a proxy in front; with LETHE_ADMISSION=limited the relay looks at it when the connection begins, and after each change of the salt, and keeps no copy",
        'an answer has to go somewhere',
      ],
      'TLS session': ['keys of this connection', 'the connection is encrypted'],
    },
  },
  {
    place: 'memory',
    part: 'connection',
    lives: 'connection',
    seenBy: RELAY,
    short: 'delivery',
    heldIn: [
      'ws/heartbeat.ts#slots',
      'ws/outgoing.ts#waiting',
      'ws/outgoing.ts#turn',
      'ws/outgoing.ts#run',
      'admission/limited-admission.ts#allowances',
      'mailbox/intake.ts#settled',
      'ws/outgoing-budget.ts#waiters',
    ],
    fields: {
      'frames not yet sent': ['envelopes and answers that a slow reader has not taken', 'a reader may be slow'],
      allowance: [
        'how much this connection has sent and was sent of late, in one number, and which two of 65,536 numbers are those of its ' +
          'address prefix; with the salt, about which 250 of all IPv4 prefixes it may come from',
        'nobody can take all there is',
      ],
      'deposits in hand': [
        'how many of the deposits that came on this connection are not answered yet',
        'who has many in hand is refused before who has few',
      ],
      'missed pongs': ['whether the client still answers', 'a connection that is dead is ended'],
    },
  },
  {
    place: 'memory',
    part: 'HTTP request',
    lives: 'request',
    seenBy: SEEN_BY_REQUEST,
    short: 'request',
    fields: {
      'method and path': ['which of a few fixed paths was asked for; none names anybody', 'requests are told apart'],
      headers: ['whatever the client sends: user agent, language, origin', 'HTTP has them; a few are looked at'],
      body: ['see deposit and signed request', 'it is what was asked'],
    },
  },
  {
    place: 'memory',
    part: 'deposit',
    lives: 'storing',
    seenBy: SEEN_BY_REQUEST,
    short: 'request',
    heldIn: ['mailbox/deposit.ts#frame', 'ws/incoming.ts#head', 'ws/incoming.ts#partial', 'ws/incoming.ts#mask'],
    fields: {
      address: ['whom the envelope is for', 'the bucket is computed from it'],
      ttlSeconds: ['the lifetime that was asked for', 'the class is chosen by it'],
      ref: ['the number that the sender gave the frame', 'the answer repeats it'],
      envelope: ["the sender's ciphertext", 'it is what is to be delivered'],
    },
  },
  {
    place: 'memory',
    part: 'deposit',
    lives: 'storing',
    seenBy: RELAY,
    short: 'request',
    heldIn: [
      'mailbox/queues-in-use.ts#known',
      'mailbox/deposit.ts#hands',
      'store/redis/command-writer.ts#memory',
      'store/redis/command-writer.ts#bytes',
      'store/redis/write-lane.ts#commands',
      'store/redis/write-lane.ts#queue',
      'store/redis/mailbox-store.ts#lanes',
      'store/redis/mailbox-store.ts#held',
      'store/redis/mailbox-store.ts#refreshing',
    ],
    fields: {
      'keys of the queue': [
        'queueId, sealKey, idKey, wakeTag: which buckets are this mailbox, and what opens them',
        'made from storeSecret and address to seal the envelope',
      ],
      'sealed envelope': ['as in Redis', 'it is on its way there'],
      'addresses on their way': [
        'the addresses for which deposits are on their way, each for as long as any of them is',
        'several envelopes for one address need its keys made once',
      ],
    },
  },
  {
    place: 'memory',
    part: 'signed request',
    lives: 'request',
    seenBy: SEEN_BY_REQUEST,
    short: 'request',
    heldIn: ['mailbox/signed-mailbox.ts#polls'],
    fields: {
      publicKey: ['whose mailbox it is: the address follows from it', 'the signature is checked with it'],
      timeSeconds: ["the client's clock, to the minute", 'an old request is refused'],
      sizeIndex: ['which size is wanted', 'a fetch is for one size'],
      waitSeconds: ['how long the client will wait', 'a long poll'],
      slots: ['how many envelopes are wanted', 'the answer has that length'],
      ids: ['which envelopes are acknowledged', 'they are erased'],
      signature: ['that the owner asked', 'nobody else may'],
      'keys of the queue': [
        'that this mailbox is asked for at this moment; which buckets are its own, and what opens them',
        'its envelopes are found and unsealed',
      ],
    },
  },
  {
    place: 'memory',
    part: 'OPEN, ACK, CLOSE',
    lives: 'proof',
    seenBy: SEEN_BY_REQUEST,
    short: 'request',
    heldIn: ['mailbox/mailbox-connection.ts#lastOpen'],
    fields: {
      channel: ['the number that the client gave the mailbox on this connection', 'frames name their mailbox by it'],
      publicKey: ['whose mailbox it is: the address follows from it', 'the signature is checked with it'],
      signature: ['that the owner opens it, on this connection and at this relay', 'nobody else may'],
      ids: ['which envelopes are acknowledged', 'they are erased'],
    },
  },
  {
    place: 'memory',
    part: 'mailbox connection',
    lives: 'connection',
    seenBy: RELAY,
    short: 'session',
    heldIn: ['mailbox/mailbox-connection.ts#nonce', 'mailbox/mailbox-connection.ts#channels'],
    fields: {
      nonce: ['nothing: 32 random bytes', 'a signature holds for one connection only'],
      channels: ['which mailboxes are open on one connection, hence belong together', 'frames are brought to them'],
      'failed OPENs': ['how many signatures were wrong', 'the third ends the connection'],
    },
  },
  {
    place: 'memory',
    part: 'open mailbox',
    lives: 'open',
    seenBy: RELAY,
    short: 'mailbox',
    heldIn: [
      'mailbox/delivery-session.ts#queues',
      'mailbox/delivery-session.ts#wakeKeys',
      'mailbox/delivery.ts#queues',
      'mailbox/delivery.ts#ids',
      'mailbox/sealing.ts#block',
      'mailbox/open-mailboxes.ts#entries',
      'mailbox/open-mailboxes.ts#wakeKey',
      'mailbox/open-mailboxes.ts#lookers',
      'mailbox/claims.ts#order',
      'store/redis/wake-ups.ts#subscriptions',
      'store/memory/mailbox-store.ts#follows',
    ],
    fields: {
      'keys of the queue': [
        'that this mailbox is connected at this moment; which buckets are its own, and what opens them',
        'its envelopes are found and unsealed; the keys are overwritten when it is closed',
      ],
      'wake-up': ['the tag and channel that it is woken by', 'a new envelope is delivered at once'],
    },
  },
  {
    place: 'memory',
    part: 'open mailbox',
    lives: 'open',
    seenBy: RELAY,
    short: 'delivery',
    heldIn: ['mailbox/backlog.ts#lanes', 'mailbox/erasures.ts#waiting'],
    fields: {
      cursor: ['how far each bucket was read', 'envelopes come in order and once'],
      outstanding: ['which envelopes were sent and not acknowledged', 'the window is kept by it'],
      erasures: ['which acknowledged envelopes the store has not erased yet', 'it is tried again'],
    },
  },
  {
    place: 'memory',
    part: 'open mailbox',
    lives: 'open',
    seenBy: RELAY,
    short: 'session',
    heldIn: [
      'mailbox/delivery-session.ts#session',
      'mailbox/delivery-session.ts#sessionKey',
      'mailbox/claims.ts#session',
      'mailbox/claims.ts#heard',
      'mailbox/claims.ts#beaten',
    ],
    fields: {
      session: ['nothing: 8 random bytes', 'relays tell by it which connection is the newest'],
      claims: ['that the mailbox was opened elsewhere since', 'the older connection is told to go'],
    },
  },
]
