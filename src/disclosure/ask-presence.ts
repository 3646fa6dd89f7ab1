import { randomBytes } from 'node:crypto'
import type { Announcement, MailboxStore, StoreListener } from '../mailbox/mailbox-store.ts'
import { wipeQueue } from '../mailbox/sealing.ts'
import { queuesOf, type StoreSecrets } from '../mailbox/store-secrets.ts'

/** How long running relays are given to answer. They answer within milliseconds. */
export const PRESENCE_TIMEOUT_MS = 2000
const SESSION_BYTES = 8

/**
 * Asks the running relays whether a socket has a mailbox open, in the way in which they ask each other. [protocol §5]
 * To be given to the store as its listener. Nobody is displaced by it, and nothing is stored.
 */
export class PresenceQuestion implements StoreListener {
  readonly #session = randomBytes(SESSION_BYTES)
  readonly #sessionText = this.#session.toString('latin1')
  #isUp: () => void = () => {}
  #isAnswered: () => void = () => {}
  /** Resolves when the store can be used. */
  readonly whenUp = new Promise<void>((resolve) => {
    this.#isUp = resolve
  })
  readonly #answered = new Promise<true>((resolve) => {
    this.#isAnswered = () => resolve(true)
  })

  up(): void {
    this.#isUp()
  }

  announced(_wakeTag: string, kind: Announcement['kind'], session: string): void {
    if (kind === 'answer' && session === this.#sessionText) this.#isAnswered()
  }

  /**
   * Whether a relay has answered that the mailbox is open. Relays that are cut off from the store do not answer, nor
   * does a client that waits for the answer to a fetch.
   * @throws StoreUnavailableError
   */
  async ask(store: MailboxStore, secrets: StoreSecrets, address: Uint8Array): Promise<boolean> {
    const queues = queuesOf(secrets, address)
    const { promise: silence, end } = timer(PRESENCE_TIMEOUT_MS)
    try {
      for (const queue of queues) {
        await store.follow(queue)
        await store.announce(queue, { kind: 'question', session: this.#session })
      }
      return await Promise.race([this.#answered, silence])
    } finally {
      end()
      for (const queue of queues) wipeQueue(queue)
    }
  }

  wake(): void {}

  down(): void {}

  replaced(): void {}
}

function timer(ms: number): { promise: Promise<false>; end: () => void } {
  let end = () => {}
  const promise = new Promise<false>((resolve) => {
    const timeout = setTimeout(resolve, ms, false)
    end = () => clearTimeout(timeout)
  })
  return { promise, end }
}
