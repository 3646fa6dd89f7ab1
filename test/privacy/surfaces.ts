import { KIND_NAMES, type Kind } from './canaries.ts'

/** What of the canaries may be found on a surface, and what must be, lest the search prove nothing. */
export interface SurfaceRow {
  readonly may: readonly Kind[]
  readonly must: readonly Kind[]
  /** Only that of what may be there which belongs to whom it was given to. */
  readonly isOwn: boolean
}

const nothing: SurfaceRow = { may: [], must: [], isOwn: false }
const only = (...kinds: Kind[]): SurfaceRow => ({ may: kinds, must: kinds, isOwn: false })
const own = (...kinds: Kind[]): SurfaceRow => ({ ...only(...kinds), isOwn: true })

/** The bytes that clients send over HTTP: no surface of the relay's, but the proof that the canaries were out. */
const SENT: readonly Kind[] = [
  'address',
  'publicKey',
  'envelope',
  'envelopeId',
  'signature',
  'userAgent',
  'header',
  'url',
]

/**
 * The table: every surface, and which kind of canary it may hold. What is not listed must not be there, in any form.
 *
 * What clients send is listed for the sake of the search itself. A relay's environment holds secrets where they are given
 * by it. Of what Redis has, the names of keys end in a bucketTag, and messages begin with a wakeTag, which those that are
 * claims follow with a session; replicas are sent both.
 */
export const SURFACES = {
  'sent by clients over HTTP': { may: SENT, must: SENT, isOwn: false },
  'standard output': nothing,
  'standard error (log)': nothing,
  'files written': nothing,
  'files open': nothing,
  'command line': nothing,
  'environment with secrets': only('storeSecret', 'redisPassword'),
  'environment with secret files': nothing,
  '/metrics, /livez, /readyz': nothing,
  '/v1/info': nothing,
  'page at /': nothing,
  'answers to bystanders': own('nonce'),
  'answers to senders': nothing,
  'answers to recipients': own('envelope', 'envelopeId', 'nonce'),
  'answers to broken requests': own('nonce'),
  'Redis: keys and values': only('bucketTag'),
  'Redis: RDB file': only('bucketTag'),
  'Redis: replication': only('bucketTag', 'wakeTag', 'session'),
  'Redis: messages': only('wakeTag', 'session'),
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

/** Every pair of a surface and a kind. */
export function* cells(): Generator<[Surface, Kind]> {
  for (const surface of SURFACE_NAMES) for (const kind of KIND_NAMES) yield [surface, kind]
}
