import type { Kind } from './canaries.ts'

/** What may be found on a surface: each kind of canary with the reason. Whatever is not named must not be there. */
export interface SurfaceRow {
  readonly may: Readonly<Partial<Record<Kind, string>>>
  /** Only what belongs to whom it was given to. */
  readonly isOwn: boolean
}

const nothing: SurfaceRow = { may: {}, isOwn: false }
const only = (may: SurfaceRow['may']): SurfaceRow => ({ may, isOwn: false })
const own = (may: SurfaceRow['may']): SurfaceRow => ({ may, isOwn: true })

/** No surface of the relay's, but the proof that the canaries were out. */
const SENT = 'the client itself sent it'
const SECRETS = 'this relay is given its secrets by environment variables; the next row is one that is given files'
const NONCE = 'HELLO gives every connection a nonce of its own, for it to sign'
const BUCKET_TAG = 'the name of a bucket ends in it [protocol §8]'
const WAKE_TAG = 'a wake-up or a claim names the mailbox by it [protocol §8], and is kept nowhere'
const SESSION = 'a claim names the session by it, so that the newest wins [protocol §5], and is kept nowhere'

/**
 * The table: every surface, and which kind of canary it may hold. A kind that is named must be found there as well, or the
 * allowance is more than is needed and the search is not known to look.
 */
export const SURFACES = {
  'sent by clients over HTTP': only({
    ...{ address: SENT, publicKey: SENT, envelope: SENT, envelopeId: SENT, signature: SENT },
    ...{ peer: SENT, userAgent: SENT, header: SENT, url: SENT },
  }),
  'standard output': nothing,
  'standard error (log)': nothing,
  'files written': nothing,
  'files open': nothing,
  'command line': nothing,
  'environment with secrets': only({ storeSecret: SECRETS, redisPassword: SECRETS }),
  'environment with secret files': nothing,
  '/metrics, /livez, /readyz': nothing,
  '/v1/info': nothing,
  'page at /': nothing,
  'answers to bystanders': own({ nonce: NONCE }),
  'answers to senders': nothing,
  'answers to recipients': own({
    envelope: 'it is delivered to the owner of its mailbox',
    envelopeId: 'the owner acknowledges by it',
    nonce: NONCE,
  }),
  'answers to broken requests': own({ nonce: NONCE }),
  'Redis: names of keys': only({ bucketTag: BUCKET_TAG }),
  'Redis: values of keys': nothing,
  'Redis: RDB file': only({ bucketTag: BUCKET_TAG }),
  'Redis: replication': only({ bucketTag: BUCKET_TAG, wakeTag: WAKE_TAG, session: SESSION }),
  'Redis: messages': only({ wakeTag: WAKE_TAG, session: SESSION }),
  'Redis: channels': nothing,
  'Redis: SLOWLOG': nothing,
  'Redis: ACL LOG': nothing,
  'Redis: CLIENT LIST': nothing,
  'Redis: functions': nothing,
  'Redis: INFO and figures': nothing,
  'Redis: log': nothing,
} as const satisfies Record<string, SurfaceRow>

export type Surface = keyof typeof SURFACES

export const SURFACE_NAMES = Object.keys(SURFACES) as Surface[]

/** The same row for every surface, under a type that reads alike. */
export function rowOf(surface: Surface): SurfaceRow {
  return SURFACES[surface]
}
