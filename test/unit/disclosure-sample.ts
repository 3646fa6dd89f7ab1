import type { DisclosureFacts } from '../../src/disclosure/disclose.ts'
import type { FoundBucket, FoundEnvelope } from '../../src/disclosure/find-waiting.ts'
import { expiryOf } from '../../src/protocol/retention.ts'

/** 2026-11-23 09:30:00 UTC */
const NOW = 1_795_426_200
const DAY = 3
const WEEK = 4

const publicKey = Uint8Array.from({ length: 32 }, (_, i) => i * 7)
const address = Uint8Array.from({ length: 32 }, (_, i) => 255 - i * 5)

function entriesAt(base: number, places: readonly number[], envelopeBytes: number): FoundEnvelope[] {
  return places.map((place) => ({
    seq: base + place - 1,
    envelopeBytes,
    isSealedHere: true,
    ciphertext: undefined,
  }))
}

const found: FoundBucket[] = [
  {
    secret: 'read-only 1',
    classIndex: DAY,
    expiresAt: expiryOf(NOW - 57_600, DAY),
    base: 77_000,
    last: 77_002,
    entries: entriesAt(77_000, [1, 2, 3], 4000),
  },
  {
    secret: 'live',
    classIndex: DAY,
    expiresAt: expiryOf(NOW, DAY),
    base: 91_000,
    last: 91_005,
    entries: entriesAt(91_000, [2, 5, 6], 4000),
  },
  {
    secret: 'live',
    classIndex: WEEK,
    expiresAt: expiryOf(NOW - 100_800, WEEK),
    base: 1,
    last: 1,
    entries: entriesAt(1, [1], 64_000),
  },
]

/** What the sample in docs/lawful-requests.md is made of: an invented mailbox at an invented relay. */
export const SAMPLE: DisclosureFacts = {
  address,
  publicKey,
  readFromSeconds: NOW,
  readUntilSeconds: NOW + 1,
  found,
  presence: 'not asked',
  relay: {
    software: { name: 'lethe', version: '0.1.0', commit: '0123456789abcdef0123456789abcdef01234567' },
    operator: { name: 'Example Cooperative', jurisdiction: 'Iceland', contact: 'relay@operator.example' },
    publicOrigins: ['https://relay.example'],
  },
  configuration: {
    store: 'sentinel',
    envelopeBytes: [4000, 64_000],
    defaultTtlSeconds: 86_400,
    maxTtlSeconds: 604_800,
    bucketBytes: 4_194_304,
    readOnlySecrets: 1,
    wakeBits: 12,
    redisMinReplicas: 1,
    logLevel: 'info',
    metricsExact: false,
    allowUnsafeStore: false,
  },
  includeCiphertext: false,
}
