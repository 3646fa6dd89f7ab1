import { SEAL_BYTES } from '../mailbox/sealing.ts'
import type { KeyFacts, NodeFacts } from '../mailbox/store-facts.ts'
import { classSeconds, grantClass, TTL_CLASSES } from '../protocol/retention.ts'
import { type Check, findAtNodes, type LayoutPolicy, type Severity, unreadable } from './audit-check.ts'

/** A rule that every key must keep. [protocol §8] */
interface Rule {
  readonly what: string
  readonly why: string
  readonly severity: Severity
  isBroken(key: KeyFacts, policy: LayoutPolicy): boolean
}

const MEND = 'Find out who wrote it: no relay does. Then delete it, or let it expire.'

const RULES = {
  'key-name': {
    what: 'Every key is named like a bucket, `lethe1:{ppp}:<bucketTag>`, and lies in the database of the relay',
    why: 'A key of another kind is a record that the relay does not know of, and does not erase.',
    severity: 'high',
    isBroken: ({ isBucket }) => !isBucket,
  },
  'key-type': {
    what: 'Every bucket is a stream',
    why: 'Nothing else is erased envelope by envelope.',
    severity: 'high',
    isBroken: ({ isBucket, type }) => isBucket && type !== 'stream',
  },
  'key-expiry': {
    what: 'Every bucket expires',
    why: 'Without an expiry, what nobody acknowledges stays for ever.',
    severity: 'high',
    isBroken: ({ isBucket, expiresAtMs }) => isBucket && expiresAtMs === undefined,
  },
  'key-lifetime': {
    what: 'No bucket expires later than LETHE_MAX_TTL_SECONDS from now',
    why: 'Nothing may stay longer than the relay says that it does.',
    severity: 'high',
    isBroken: isTooLong,
  },
  'key-slot': {
    what: 'Every bucket expires at the end of a slot of its lifetime class',
    why: 'Any other moment tells when an envelope came more exactly than to a sixth of its class.',
    severity: 'high',
    isBroken: (key, policy) => key.expiresAtMs !== undefined && !isTooLong(key, policy) && !isOnSlot(key),
  },
  'stream-id': {
    what: 'Every entry has an id of the form 0-n',
    why: 'Any other id may be the millisecond in which an envelope came.',
    severity: 'high',
    isBroken: ({ foreignIds }) => foreignIds > 0,
  },
  'stream-group': {
    what: 'No bucket has a consumer group',
    why: 'A group remembers who read what, and when.',
    severity: 'high',
    isBroken: ({ groups }) => groups > 0,
  },
  'entry-form': {
    what: 'Every entry is one field `e`',
    why: 'Any other field would be a record beside the envelope.',
    severity: 'high',
    isBroken: ({ foreignEntries }) => foreignEntries > 0,
  },
  'entry-size': {
    what: 'All entries of a bucket have one length, that of a sealed envelope of one of LETHE_ENVELOPE_BYTES',
    why: 'Any other length is not an envelope, or tells one from another.',
    severity: 'high',
    isBroken: ({ lengths }, { envelopeBytes }) =>
      lengths.size > 1 || [...lengths.keys()].some((length) => !envelopeBytes.includes(length - SEAL_BYTES)),
  },
  'bucket-cap': {
    what: 'No bucket holds more than LETHE_BUCKET_BYTES of envelopes',
    why: 'The cap keeps one mailbox from taking the room of the others.',
    severity: 'low',
    isBroken: ({ lengths }, { bucketBytes }) =>
      [...lengths].some(([length, count]) => count > Math.floor(bucketBytes / Math.max(1, length - SEAL_BYTES))),
  },
} as const satisfies Record<string, Rule>

type KeyCheckId = keyof typeof RULES

const KEY_CHECK_IDS = Object.keys(RULES) as KeyCheckId[]

/** What must be so of every key. The audit names none of them, and only says how many break a rule. */
export const KEY_CHECKS = Object.fromEntries(KEY_CHECK_IDS.map((id) => [id, keyCheck(id, RULES[id])])) as Record<
  KeyCheckId,
  Check
>

/** The rules that one key breaks. */
export function breachesOf(key: KeyFacts, policy: LayoutPolicy): KeyCheckId[] {
  return KEY_CHECK_IDS.filter((id) => RULES[id].isBroken(key, policy))
}

function keyCheck(id: KeyCheckId, { what, why, severity }: Rule): Check {
  const findAt = ({ keyspace }: NodeFacts) => {
    if (keyspace === undefined) return unreadable('the keyspace')
    const count = (keyspace.broken.get(id) ?? 0) + (id === 'key-name' ? keyspace.elsewhere : 0)
    return count === 0 ? undefined : `${count} of ${keyspace.keys + keyspace.elsewhere} keys`
  }
  return { what, why, severity, mend: MEND, isAboutRedis: true, find: (facts) => findAtNodes(facts, findAt) }
}

function isTooLong({ expiresAtMs, nowSeconds }: KeyFacts, { maxTtlSeconds }: LayoutPolicy): boolean {
  const longestSeconds = classSeconds(grantClass(maxTtlSeconds, maxTtlSeconds))
  return expiresAtMs !== undefined && expiresAtMs > (nowSeconds + longestSeconds) * 1000
}

/** Whether an envelope that came by now can have got this expiry. [protocol §3] */
function isOnSlot({ expiresAtMs = 0, nowSeconds }: KeyFacts): boolean {
  const seconds = expiresAtMs / 1000
  return TTL_CLASSES.some((ttlClass) => seconds % (ttlClass / 6) === 0 && seconds <= nowSeconds + ttlClass)
}
