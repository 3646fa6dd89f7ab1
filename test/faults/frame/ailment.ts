/** Loaded into a relay before it starts (`node --import`): with each SIGHUP it gets what `AILMENT` names. */
const AILMENTS = {
  /** For a while it does nothing, and hears nothing. */
  stall,
  /** The same, and from then on it is 8 days later by all that JavaScript knows. */
  'stall and wrong date': () => {
    stall()
    moveDate()
  },
} as const

export type AilmentName = keyof typeof AILMENTS

const WRONG_BY_MS = 8 * 86_400_000
/** Longer than a relay waits for a replica before it refuses what it took meanwhile. */
const STALL_MS = 1_500

function moveDate(): void {
  const { now } = Date
  Date.now = () => now() + WRONG_BY_MS
}

function stall(): void {
  const untilMs = performance.now() + STALL_MS
  while (performance.now() < untilMs);
}

process.on('SIGHUP', () => AILMENTS[process.env.AILMENT as AilmentName]())
