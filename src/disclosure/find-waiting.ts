import type { Bucket, MailboxStore } from '../mailbox/mailbox-store.ts'
import { bucketsOf, openEnvelope, type Queue, SEAL_BYTES, wipeQueue } from '../mailbox/sealing.ts'
import { queuesOf, type StoreSecrets } from '../mailbox/store-secrets.ts'
import type { SecretName } from './disclosure.ts'

/** A bucket of a mailbox with all that waits in it. */
export interface FoundBucket {
  readonly secret: SecretName
  readonly classIndex: number
  /** Unix seconds */
  readonly expiresAt: number
  /** Numbers of the first and the last envelope that it was ever given. */
  readonly base: number
  readonly last: number
  readonly entries: readonly FoundEnvelope[]
}

export interface FoundEnvelope {
  readonly seq: number
  /** Without what the relay's own sealing adds. */
  readonly envelopeBytes: number
  /** Whether it opens with the keys of the mailbox. */
  readonly isSealedHere: boolean
  /** What it opens to: the sender's ciphertext, where that was to be kept. */
  readonly ciphertext: Uint8Array | undefined
}

/** What was found, and when by the clock of the store the search began and ended, in Unix seconds. */
export interface Search {
  readonly found: readonly FoundBucket[]
  readonly readFromSeconds: number
  readonly readUntilSeconds: number
}

/** Sizes that a relay can have; more than it has now are looked for, since the list may have been longer. [protocol §2] */
const MAX_SIZES = 8
const PAGE_ENVELOPES = 32

/**
 * Reads everything that waits for an address, under every secret, in every class and size that there can be.
 * @param keep whether the senders' ciphertext is wanted too
 * @throws StoreUnavailableError
 */
export async function findWaiting(
  store: MailboxStore,
  secrets: StoreSecrets,
  address: Uint8Array,
  keep: 'ciphertext' | 'lengths',
): Promise<Search> {
  const queues = queuesOf(secrets, address)
  const live = queues.at(-1) as Queue
  try {
    const found: FoundBucket[] = []
    const readFromSeconds = store.nowSeconds(live.partition)
    for (const [i, queue] of queues.entries()) {
      const secret: SecretName = i === queues.length - 1 ? 'live' : `read-only ${i + 1}`
      const buckets = bucketsOf(queue, MAX_SIZES, store.nowSeconds(queue.partition))
      for (const { bucket } of await store.survey(buckets)) {
        const read = await readBucket(store, queue, bucket, keep)
        if (read.entries.length > 0) {
          found.push({ secret, classIndex: bucket.classIndex, expiresAt: bucket.expiresAt, ...read })
        }
      }
    }
    return { found, readFromSeconds, readUntilSeconds: store.nowSeconds(live.partition) }
  } finally {
    for (const queue of queues) wipeQueue(queue)
  }
}

async function readBucket(store: MailboxStore, queue: Queue, bucket: Bucket, keep: 'ciphertext' | 'lengths') {
  let [base, last] = [0, 0]
  let entries: FoundEnvelope[] = []
  for (;;) {
    const cursor = entries.length > 0 ? { base, last: entries.at(-1)?.seq as number } : undefined
    const page = await store.read(bucket, cursor, PAGE_ENVELOPES)
    // Emptied and filled anew meanwhile: another bucket under the same name, read from its start.
    if (page.base !== base) entries = []
    base = page.base
    last = page.last
    for (const { seq, sealed } of page.entries) {
      const envelope = openEnvelope(queue, bucket, sealed, 0)
      entries.push({
        seq,
        envelopeBytes: Math.max(0, sealed.length - SEAL_BYTES),
        isSealedHere: envelope !== undefined,
        ciphertext: keep === 'ciphertext' ? envelope : undefined,
      })
    }
    if (!page.more || page.entries.length === 0) return { base, last, entries }
  }
}
