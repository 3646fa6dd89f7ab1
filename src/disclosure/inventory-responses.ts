import type { FieldGroup } from './field.ts'

const TO_ANYONE = ['anyone'] as const
const TO_OWNER = ['recipient', 'proxy'] as const
const TO_SENDER = ['sender', 'proxy'] as const

const SAME_FOR_ALL = 'nothing: the same on every answer'
const TO_ADMIN = ['metrics'] as const

const CHANNEL = ['the number that the client gave the mailbox', 'the client brings the frame to it'] as const
const REF = ['the number that the sender gave the frame', 'the sender knows which one is answered'] as const

/** Headers that every answer to the public has or may have. */
const HEADERS: FieldGroup = {
  place: 'response',
  part: 'every answer',
  lives: 'answer',
  seenBy: TO_ANYONE,
  fields: {
    'header cache-control': [SAME_FOR_ALL, 'nobody keeps an answer'],
    'header access-control-allow-origin': [SAME_FOR_ALL, 'any page may ask'],
    'header access-control-expose-headers': [SAME_FOR_ALL, 'pages may read these headers'],
    'header x-content-type-options': [SAME_FOR_ALL, 'browsers do not guess a type'],
    'header referrer-policy': [SAME_FOR_ALL, 'links on the page say nothing of where they were'],
    'header content-type': ['the kind of answer', 'HTTP has it'],
    'header content-length': ['the length of the answer, which depends on the request alone', 'HTTP has it'],
    'header date': ["the relay's clock, to the second", 'HTTP asks for it'],
    'header connection': ['whether the connection can be used again', 'HTTP has it'],
    'header keep-alive': ['for how long, the same for everybody', 'HTTP has it'],
  },
}

const ERRORS: FieldGroup = {
  place: 'response',
  part: 'every error',
  lives: 'answer',
  seenBy: TO_ANYONE,
  fields: {
    status: ['what is wrong, as HTTP says it', 'the client knows what to do'],
    'header retry-after': ['when to try again: one fixed number for each error', 'the client waits'],
    'header allow': ['which methods the path takes', 'HTTP asks for it on 405'],
    'body type': [SAME_FOR_ALL, 'RFC 9457 has it'],
    'body title': ['what is wrong, in words that do not depend on the request', 'people read it'],
    'body status': ['as the status', 'RFC 9457 has it'],
    'body code': ['what is wrong, as a name', 'programs go by it'],
  },
}

const PREFLIGHTS: FieldGroup = {
  place: 'response',
  part: 'OPTIONS of every path',
  lives: 'answer',
  seenBy: TO_ANYONE,
  fields: {
    status: ['204', 'HTTP has it'],
    'header access-control-allow-methods': ['which methods the path takes', 'browsers ask before they send'],
    'header access-control-allow-headers': [SAME_FOR_ALL, 'browsers ask before they send'],
    'header access-control-max-age': [SAME_FOR_ALL, 'browsers need not ask again'],
  },
}

const PAGES: readonly FieldGroup[] = [
  {
    place: 'response',
    part: 'GET /v1/info',
    lives: 'answer',
    seenBy: TO_ANYONE,
    fields: {
      status: ['200', 'HTTP has it'],
      'body protocol': ['name and version of the protocol', 'clients check it'],
      'body publicOrigins': ['the names of this relay', 'signatures are bound to one of them'],
      'body envelopeBytes': ['which sizes it takes', 'clients pad to one of them'],
      'body ttlClasses': ['which lifetimes it grants', 'clients choose one'],
      'body defaultTtl': ['what it grants who asks for none', 'clients may rely on it'],
      'body maxTtl': ['the longest lifetime', 'clients choose within it'],
      'body window': ['how many envelopes it sends before one is acknowledged', 'clients make room'],
      'body bucketBytes': ['how much it holds for one mailbox, size, lifetime and slot', 'clients know the limit'],
      'body maxChannels': ['how many mailboxes one connection may open', 'clients know the limit'],
      'body admission': ['whether clients are limited', 'clients know why they are refused'],
      'body ohttpKeys': ['where keys for Oblivious HTTP are', 'clients fetch them'],
      'body unsafeStore': ['by what the store is unsafe, if it is used all the same', 'people know what they rely on'],
      'body metricsExact': ["whether the operator's metrics are live and exact", 'people know what they tell'],
      'body metricsInterval': ['how often they move otherwise', 'people know what they tell'],
      'body metricsStep': ['in which steps', 'people know what they tell'],
      'body operator': [
        'name, jurisdiction and contact as the operator states them',
        'people know whom they deal with',
      ],
      'body software': ['name, version and commit', 'people can look up what this version does'],
      'body data': ['this table, in short', 'people know what is held'],
    },
  },
  {
    place: 'response',
    part: 'GET /',
    lives: 'answer',
    seenBy: TO_ANYONE,
    fields: {
      status: ['200', 'HTTP has it'],
      'header content-security-policy': [SAME_FOR_ALL, 'the page can load and run nothing'],
      body: ['the same as GET /v1/info, for people', 'people read it'],
    },
  },
  {
    place: 'response',
    part: 'GET /livez',
    lives: 'answer',
    seenBy: TO_ADMIN,
    fields: { status: ['that the process runs', 'it is started anew if not'], body: ['the same', 'people read it'] },
  },
  {
    place: 'response',
    part: 'GET /readyz',
    lives: 'answer',
    seenBy: TO_ADMIN,
    fields: {
      status: ['whether the store answers and the relay is not about to stop', 'traffic is sent elsewhere if not'],
      body: ['the same', 'people read it'],
    },
  },
  {
    place: 'response',
    part: 'GET /metrics',
    lives: 'answer',
    seenBy: TO_ADMIN,
    fields: { status: ['200', 'HTTP has it'], body: ['the metrics of this table', 'operators see load and faults'] },
  },
]

const DEPOSITS: readonly FieldGroup[] = [
  {
    place: 'response',
    part: 'POST /v1/deposit',
    lives: 'answer',
    seenBy: TO_SENDER,
    fields: {
      status: [
        'whether the envelope was stored; 507 tells that the bucket it belongs in is full, nothing tells whether ' +
          'anybody reads it',
        'the sender knows whether to send again',
      ],
      'header ttl': ['the class that was granted', 'the sender knows how long it will wait'],
    },
  },
  {
    place: 'response',
    part: 'GET /v1/deposit ACCEPTED',
    lives: 'answer',
    seenBy: TO_SENDER,
    fields: { ref: REF },
  },
  {
    place: 'response',
    part: 'GET /v1/deposit ERROR',
    lives: 'answer',
    seenBy: TO_SENDER,
    fields: { ref: REF, number: ['what is wrong, by its number', 'programs go by it'] },
  },
]

const FRAMES: readonly FieldGroup[] = (
  [
    ['HELLO', { nonce: ['nothing: 32 random bytes', 'the signature of an OPEN covers it'] }],
    ['OPENED', { channel: CHANNEL }],
    [
      'ENVELOPE',
      {
        channel: CHANNEL,
        id: ['nothing: 16 bytes that only this relay can read', 'the client acknowledges with it'],
        envelope: ["the sender's ciphertext", 'it is what the recipient came for'],
      },
    ],
    ['DRAINED', { channel: CHANNEL }],
    ['DISPLACED', { channel: CHANNEL }],
    ['ERROR', { channel: CHANNEL, number: ['what is wrong, by its number', 'programs go by it'] }],
  ] satisfies [string, FieldGroup['fields']][]
).map(([frame, fields]) => ({
  place: 'response',
  part: `GET /v1/mailbox ${frame}`,
  lives: 'answer',
  seenBy: TO_OWNER,
  fields,
}))

const SOCKETS: readonly FieldGroup[] = ['GET /v1/mailbox', 'GET /v1/deposit'].map((part) => ({
  place: 'response',
  part,
  lives: 'answer',
  seenBy: TO_ANYONE,
  fields: {
    status: ['101 where a socket begins', 'RFC 6455 asks for it'],
    'close code': ['why the relay ends the connection, as one of eight numbers', 'the client knows what to do'],
    ping: ['nothing: it is empty and comes every 30 seconds', 'dead connections are found'],
    'header sec-websocket-accept': ['nothing: computed from what the client sent', 'RFC 6455 asks for it'],
    'header sec-websocket-protocol': [SAME_FOR_ALL, 'both know that they speak lethe.v1'],
    'header upgrade': [SAME_FOR_ALL, 'RFC 6455 asks for it'],
  },
}))

const RECEIVING: readonly FieldGroup[] = [
  ...FRAMES,
  ...SOCKETS,
  {
    place: 'response',
    part: 'POST /v1/mailbox/fetch',
    lives: 'answer',
    seenBy: TO_OWNER,
    fields: {
      status: ['whether the request was taken', 'the client knows what to do'],
      'body waiting': ['of which sizes more waits', 'the client fetches again'],
      'body id': ['nothing: 16 bytes that only this relay can read', 'the client acknowledges with it'],
      'body envelope': ["the sender's ciphertext, or random bytes in its place", 'the length says nothing'],
    },
  },
  {
    place: 'response',
    part: 'POST /v1/mailbox/ack',
    lives: 'answer',
    seenBy: TO_OWNER,
    fields: { status: ['whether the request was taken', 'the client knows what was erased'] },
  },
]

/** What the relay answers, to whom. [protocol §4 to §7] */
export const RESPONSE_FIELDS: readonly FieldGroup[] = [HEADERS, ERRORS, PREFLIGHTS, ...PAGES, ...DEPOSITS, ...RECEIVING]
