import type { Queue } from './sealing.ts'

/**
 * Which of several OPENs of one mailbox is the newest, decided alike in every process by the order in which all hear the
 * claims. [protocol §5]
 *
 * While a storeSecret is being replaced a mailbox has several queues, hence several orders. They are gone through in one
 * fixed sequence, and a session that was beaten in an earlier one cannot win in a later.
 */
export class Claims {
  readonly #order: readonly string[]
  readonly #session: string
  /** How many of the own claims were heard; each is published after the one before it was. */
  #heard = 0
  #beaten: Map<string, number> | undefined

  /** @param session 8 random bytes as latin1 text */
  constructor(queues: readonly Queue[], session: string) {
    this.#order = queues.map(({ wakeKey }) => wakeKey).sort()
    this.#session = session
  }

  /** Position in the sequence of the next claim to publish, or undefined when all own claims were heard. */
  get pending(): string | undefined {
    return this.#order[this.#heard]
  }

  /**
   * Takes note of a claim. @returns what it means for this session; `unclear`: it came after the own one of its queue, and
   * the other session may have made one for an earlier queue, and lost there, before anybody here listened
   */
  hear(wakeKey: string, session: string): 'own' | 'displaced' | 'unclear' | 'nothing' {
    const at = this.#order.indexOf(wakeKey)
    if (session === this.#session) {
      if (at === this.#heard) this.#heard++
      return 'own'
    }
    if (at >= this.#heard) {
      this.#beat(session, at)
      return 'nothing'
    }
    const beatenAt = this.#beaten?.get(session)
    if (beatenAt !== undefined) return beatenAt < at ? 'nothing' : 'displaced'
    return at === 0 ? 'displaced' : 'unclear'
  }

  /** The other session is told to go, so claims of it that are still on their way mean nothing. */
  answered(session: string): void {
    this.#beat(session, -1)
  }

  #beat(session: string, at: number): void {
    if (this.#order.length === 1) return
    this.#beaten ??= new Map()
    this.#beaten.set(session, Math.min(at, this.#beaten.get(session) ?? at))
  }
}
