import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sharedRedisUrl } from '../_util/redis.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import { type Test, test } from '../_util/tap.ts'
import { madeMailboxes } from './client.ts'
import { terminateAll } from './socket.ts'

export type { Relay }

/** Settings of a relay process. */
export type Env = Readonly<Record<string, string>>

/** A store and the settings that choose it. */
export interface Store {
  readonly name: 'memory' | 'Redis'
  readonly env: Env
}

/** A secret to seal with, as LETHE_STORE_SECRET takes it. */
export function createStoreSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Both stores; that of Redis with a secret that nobody else uses. */
export function bothStores(): Store[] {
  const redis = { LETHE_REDIS_URL: sharedRedisUrl(), LETHE_STORE_SECRET: createStoreSecret() }
  return [
    { name: 'memory', env: {} },
    { name: 'Redis', env: redis },
  ]
}

/** Starts a relay that ends with the test. */
export async function relayFor(t: Test, env: Env): Promise<Relay> {
  const relay = await startRelay({ LETHE_LOG_LEVEL: 'debug', ...env })
  t.teardown(async () => {
    terminateAll()
    await relay.stop()
  })
  return relay
}

/** Which addresses and public keys of this process's mailboxes a relay wrote down, in hex or base64. */
function leaks(relay: Relay): string[] {
  const written = (relay.stdout() + relay.stderr()).replaceAll('+', '-').replaceAll('/', '_')
  const lowerCase = written.toLowerCase()
  return madeMailboxes
    .flatMap(({ address, publicKey }) => [address, publicKey])
    .filter((bytes) => written.includes(bytes.toString('base64url')) || lowerCase.includes(bytes.toString('hex')))
    .map((bytes) => bytes.toString('hex'))
}

/**
 * Runs cases against a relay on the memory store, then against one on Redis. The cases of one call share the relay, so
 * each takes mailboxes of its own.
 */
export function forBothStores(name: string, body: (t: Test, relay: Relay) => Promise<void>, env: Env = {}): void {
  for (const store of bothStores()) {
    test(`${name}, ${store.name}`, async (t) => {
      const relay = await relayFor(t, { ...store.env, ...env })
      await body(t, relay)
      t.same(leaks(relay), [], '[protocol §1] the relay wrote down no address and no key')
    })
  }
}

/**
 * Waits, where the next slot of a class begins within `marginSeconds`, until it has begun: so that what is deposited
 * right after that falls into one bucket [protocol §3].
 */
export async function withinOneSlot(classSeconds: number, marginSeconds = 20): Promise<void> {
  const slot = classSeconds / 6
  const leftSeconds = slot - ((Date.now() / 1_000) % slot)
  if (leftSeconds < marginSeconds) await sleep((leftSeconds + 0.5) * 1_000)
}
