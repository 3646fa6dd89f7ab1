import type { SessionOutlet } from '../../src/mailbox/delivery-session.ts'
import type { RelayPolicy } from '../../src/mailbox/policy.ts'

/** What a relay allows, where a test does not turn on it. */
export const PLAIN_POLICY: RelayPolicy = {
  envelopeBytes: [4000],
  defaultTtlSeconds: 86_400,
  maxTtlSeconds: 604_800,
  bucketBytes: 4_194_304,
  window: 32,
  maxChannels: 256,
}

/** Keeps in `said` what becomes of a session, and takes whatever it delivers. */
export function listeningOutlet(said: string[]): SessionOutlet {
  const say = (word: string) => () => void said.push(word)
  return {
    opened: say('opened'),
    displaced: say('displaced'),
    drained: say('drained'),
    unavailable: say('unavailable'),
    storeLost: say('storeLost'),
    closed: say('closed'),
    envelope() {},
    takeRoom: (wanted) => wanted,
    freeRoom() {},
  }
}

/** The next turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
