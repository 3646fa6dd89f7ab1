import { toBase64url } from '../protocol/bytes.ts'
import { classSeconds, slotSeconds, TTL_CLASSES } from '../protocol/retention.ts'
import type {
  ConfigurationFacts,
  DisclosedCiphertext,
  Disclosure,
  ExpiryWindow,
  Presence,
  RelayFacts,
  WaitingEnvelopes,
  WaitingGroup,
} from './disclosure.ts'
import {
  CIPHERTEXT_NOTE,
  NOT_COVERED,
  PRESENCE_EXPLANATIONS,
  RETENTION,
  storedFields,
} from './disclosure-explanations.ts'
import type { FoundBucket, FoundEnvelope } from './find-waiting.ts'
import { NOT_HELD } from './not-held.ts'

/** Everything that a disclosure is made of. Unix seconds by the clock of the store. */
export interface DisclosureFacts {
  readonly address: Uint8Array
  readonly publicKey?: Uint8Array | undefined
  readonly readFromSeconds: number
  readonly readUntilSeconds: number
  /** Undefined with the embedded store, into which only its own process can look. */
  readonly found: readonly FoundBucket[] | undefined
  readonly presence: Presence
  readonly relay: RelayFacts
  readonly configuration: ConfigurationFacts
  /** Whether the ciphertext is to be in the document; it is where `found` holds it. */
  readonly includeCiphertext: boolean
}

/** The document about one mailbox: what is there, what follows from it, and what is not there and why. */
export function createDisclosure(facts: DisclosureFacts): Disclosure {
  const { address, publicKey, found, presence, relay, configuration, includeCiphertext } = facts
  return {
    document: 'lethe disclosure',
    version: 1,
    madeAt: utc(facts.readUntilSeconds),
    asked: { address: toBase64url(address), publicKey: publicKey === undefined ? null : toBase64url(publicKey) },
    relay,
    waiting: found === undefined ? null : waitingOf(found, facts),
    arrivalPrecision: TTL_CLASSES.map((ttlClassSeconds, classIndex) => ({
      ttlClassSeconds,
      precisionSeconds: slotSeconds(classIndex),
    })),
    connected: { answer: presence, explanation: PRESENCE_EXPLANATIONS[presence] },
    stored: storedFields(),
    notHeld: NOT_HELD.map(({ category, what, reason }) => ({ category, what, reason })),
    retention: RETENTION,
    configuration,
    notCovered: NOT_COVERED,
    ciphertext: found !== undefined && includeCiphertext ? ciphertextOf(found) : null,
  }
}

/** `2026-11-23T08:00:00Z` */
export function utc(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}

function waitingOf(found: readonly FoundBucket[], facts: DisclosureFacts): WaitingEnvelopes {
  const present = found.flatMap(({ entries }) => entries.map(({ envelopeBytes }) => envelopeBytes))
  const sizes = [...new Set([...facts.configuration.envelopeBytes, ...present])].sort((a, b) => a - b)
  const groups = TTL_CLASSES.flatMap((_, classIndex) => sizes.map((size) => groupOf(found, classIndex, size)))
  return {
    readFrom: utc(facts.readFromSeconds),
    readUntil: utc(facts.readUntilSeconds),
    envelopes: present.length,
    groups,
  }
}

function groupOf(found: readonly FoundBucket[], classIndex: number, envelopeBytes: number): WaitingGroup {
  const windows = found
    .filter((bucket) => bucket.classIndex === classIndex)
    .sort((a, b) => a.expiresAt - b.expiresAt)
    .map((bucket) => windowOf(bucket, envelopeBytes))
    .filter(({ waiting }) => waiting > 0)
  return {
    envelopeBytes,
    ttlClassSeconds: classSeconds(classIndex),
    envelopes: windows.reduce((sum, { waiting }) => sum + waiting, 0),
    windows,
  }
}

function windowOf(bucket: FoundBucket, envelopeBytes: number): ExpiryWindow {
  const { secret, classIndex, expiresAt, base, last } = bucket
  const waiting = bucket.entries.filter((entry) => entry.envelopeBytes === envelopeBytes)
  const arrivedFrom = expiresAt - classSeconds(classIndex)
  return {
    storeSecret: secret,
    erasedAt: utc(expiresAt),
    arrivedFrom: utc(arrivedFrom),
    arrivedBefore: utc(arrivedFrom + slotSeconds(classIndex)),
    waiting: waiting.length,
    acknowledged: last - base + 1 - bucket.entries.length,
    places: waiting.map((entry) => placeOf(bucket, entry)),
    notSealedHere: waiting.filter(({ isSealedHere }) => !isSealedHere).length,
  }
}

function placeOf({ base }: FoundBucket, { seq }: FoundEnvelope): number {
  return seq - base + 1
}

function ciphertextOf(found: readonly FoundBucket[]): DisclosedCiphertext {
  const envelopes = found.flatMap((bucket) =>
    bucket.entries.map((entry) => ({
      envelopeBytes: entry.envelopeBytes,
      ttlClassSeconds: classSeconds(bucket.classIndex),
      erasedAt: utc(bucket.expiresAt),
      storeSecret: bucket.secret,
      place: placeOf(bucket, entry),
      ciphertext: entry.ciphertext === undefined ? null : Buffer.from(entry.ciphertext).toString('base64'),
    })),
  )
  return { note: CIPHERTEXT_NOTE, envelopes }
}
