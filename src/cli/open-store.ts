import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import type { MailboxStore, StoreListener } from '../mailbox/mailbox-store.ts'
import type { StoreSecrets } from '../mailbox/store-secrets.ts'
import { RedisMailboxStore } from '../store/redis/mailbox-store.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'

const PATIENCE_MS = 10_000

/** The secrets of a relay that uses Redis. */
export function redisSecrets({ storeSecret, storeSecretsRead }: Config): StoreSecrets {
  if (storeSecret === undefined)
    throw new Failure(EXIT.config, 'LETHE_STORE_SECRET must be set, because LETHE_REDIS_URL is')
  return { live: storeSecret.reveal(), readOnly: storeSecretsRead.map((secret) => secret.reveal()) }
}

/**
 * Opens the Redis of this environment as a relay does, for `use`, and closes it afterwards.
 * @param whenUp resolves when `listener` was told that the store can be used
 * @throws Failure (75) if that takes longer than 10 seconds
 */
export async function withRedisStore<T>(
  config: Config & { store: { kind: 'node' | 'sentinel' | 'cluster' } },
  listener: StoreListener & { readonly whenUp: Promise<void> },
  use: (store: MailboxStore) => Promise<T>,
): Promise<T> {
  const { store: target, redisCaFile, wakeBits } = config
  const ca = redisCaFile === undefined ? undefined : readFileSync(redisCaFile, 'utf8')
  const store = new RedisMailboxStore({ target, ca, minReplicas: 0, wakeBits })
  const patience = new AbortController()
  try {
    await store.start(listener)
    const isUp = await Promise.race([
      listener.whenUp.then(() => true),
      sleep(PATIENCE_MS, false, { signal: patience.signal }).catch(() => false),
    ])
    if (!isUp) throw new Failure(EXIT.tryAgainLater, 'the store of LETHE_REDIS_URL does not answer')
    return await use(store)
  } finally {
    patience.abort()
    await store.close()
  }
}
