import type { Clock } from '../mailbox/ports.ts'

/** Lines are written at full minutes only, so that none tells when within one something happened. */
const PERIOD_MS = 60_000
/** Kinds that are told apart within one period; the rest goes unsaid. */
const MAX_KINDS = 64

/** Counts what happens again and again, by kind, and tells of each kind once a minute. */
export class Aggregates<Kind> {
  readonly #clock: Clock
  readonly #tell: (kind: Kind, atLeast: number) => void
  readonly #counts = new Map<string, { kind: Kind; count: number }>()
  #cancel: (() => void) | undefined

  /** @param tell called with a count that is rounded down to a power of ten */
  constructor(clock: Clock, tell: (kind: Kind, atLeast: number) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /** @param name tells this kind from others */
  add(name: string, kind: Kind): void {
    const known = this.#counts.get(name)
    if (known) known.count++
    else if (this.#counts.size < MAX_KINDS) this.#counts.set(name, { kind, count: 1 })
    this.#cancel ??= this.#clock.after(this.#untilFullMinuteMs(), () => this.flush())
  }

  /** Tells of everything that has not been told yet. */
  flush(): void {
    this.#cancel?.()
    this.#cancel = undefined
    const counts = [...this.#counts.values()]
    this.#counts.clear()
    for (const { kind, count } of counts) this.#tell(kind, 10 ** (String(count).length - 1))
  }

  #untilFullMinuteMs(): number {
    return PERIOD_MS - (this.#clock.nowMs() % PERIOD_MS)
  }
}
