/** How long before its end a session must have been there to count as one that would have got an envelope. */
const GRACE_MS = 5_000

interface Session {
  readonly id: number
  /** When all that waited had been sent to it. */
  readonly drainedMs: number
  closedMs: number
}

/** When each mailbox was being read. Times in milliseconds since the run's beginning. */
export class Sessions {
  readonly #ofMailbox = new Map<number, Session[]>()

  drained(mailbox: number, id: number, atMs: number): void {
    const sessions = this.#ofMailbox.get(mailbox)
    const session = { id, drainedMs: atMs, closedMs: Number.POSITIVE_INFINITY }
    if (sessions === undefined) this.#ofMailbox.set(mailbox, [session])
    else sessions.push(session)
  }

  closed(mailbox: number, id: number, atMs: number): void {
    const session = this.#ofMailbox.get(mailbox)?.findLast((other) => other.id === id)
    if (session !== undefined) session.closedMs = Math.min(session.closedMs, atMs)
  }

  /** Ends all sessions whose number begins so: their process is gone. */
  closedAll(isTheirs: (id: number) => boolean, atMs: number): void {
    for (const sessions of this.#ofMailbox.values()) {
      for (const session of sessions) if (isTheirs(session.id)) session.closedMs = Math.min(session.closedMs, atMs)
    }
  }

  /** When the mailbox was last read to its end; -1 where it never was. */
  lastDrainedMs(mailbox: number): number {
    return this.#ofMailbox.get(mailbox)?.at(-1)?.drainedMs ?? -1
  }

  /**
   * Of an envelope that did not come: `lost` where its mailbox was read to the end, or stayed open for a while, between
   * its sending and the earliest end of its life; `expired` where that time is over and nobody read; else it may still come.
   */
  fateOf(mailbox: number, sentMs: number, aliveUntilMs: number): 'lost' | 'expired' | 'open' {
    const sessions = this.#ofMailbox.get(mailbox) ?? []
    const wasRead = sessions.some(({ drainedMs, closedMs }) => {
      if (drainedMs > sentMs) return drainedMs < aliveUntilMs
      return Math.min(closedMs, aliveUntilMs) - sentMs > GRACE_MS
    })
    if (wasRead) return 'lost'
    return this.lastDrainedMs(mailbox) >= aliveUntilMs ? 'expired' : 'open'
  }
}
