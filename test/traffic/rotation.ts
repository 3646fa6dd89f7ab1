import { createStoreSecret, type Env } from '../conformance/stores.ts'

/** The settings that instances go through: the new secret read-only, then live, then alone. [protocol §1] */
export function rotationOf(redisUrl: string): [Env, Env, Env, Env] {
  const [older, newer] = [createStoreSecret(), createStoreSecret()]
  const common = { LETHE_REDIS_URL: redisUrl }
  return [
    { ...common, LETHE_STORE_SECRET: older },
    { ...common, LETHE_STORE_SECRET: older, LETHE_STORE_SECRETS_READ: newer },
    { ...common, LETHE_STORE_SECRET: newer, LETHE_STORE_SECRETS_READ: older },
    { ...common, LETHE_STORE_SECRET: newer },
  ]
}
