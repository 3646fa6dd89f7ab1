import { deriveQueue, type Queue } from './sealing.ts'

/** Deposits go under the live secret; reading covers all. At least 32 bytes each. [protocol §1] */
export interface StoreSecrets {
  readonly live: Uint8Array
  readonly readOnly: readonly Uint8Array[]
}

/** The queues an address can have envelopes in: read-only secrets first, since theirs are the older envelopes. */
export function queuesOf(secrets: StoreSecrets, address: Uint8Array): Queue[] {
  return [...secrets.readOnly, secrets.live].map((secret) => deriveQueue(secret, address))
}
