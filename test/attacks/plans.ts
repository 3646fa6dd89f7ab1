import type { Outcome, Plan } from './attack.ts'

/** One attack: how it is made in the long form, on what relay, and what must be so whatever the machine. */
export interface Attack {
  readonly title: string
  readonly behaviour: Plan['behaviour']
  /** In the long form, and in the short one. */
  readonly connections: readonly [long: number, short: number]
  /** The relay's settings, in both forms. */
  readonly env?: readonly [long: Readonly<Record<string, string>>, short: Readonly<Record<string, string>>]
  readonly isAtWork?: NonNullable<Plan['isAtWork']>
  /** Whether honest clients may be slowed down at most five times in the long form. */
  readonly isTimed?: true
}

/** Nobody is exempt from the limits, though all are on this machine. */
export const LIMITED = { LETHE_EXEMPT_PREFIXES: '' }
/** In every attack at least this share of newcomers' deposits is accepted. */
export const LEAST_ACCEPTED = 0.8
/** What the relay's memory may grow by, whatever the attack. */
export const MOST_GROWN_BYTES = 200_000_000
/** At most so many times slower the slowest hundredth of honest rounds may be, where it is measured. */
export const MOST_SLOWED_DOWN = 5

export const ATTACKS: readonly Attack[] = [
  { title: 'Slowloris by headers: a byte a second', behaviour: 'slow headers', connections: [2_000, 100] },
  { title: 'Slowloris by bodies', behaviour: 'slow bodies', connections: [2_000, 100] },
  { title: 'Slowloris by WebSocket handshakes', behaviour: 'slow handshakes', connections: [2_000, 100] },
  {
    title: '7,000 half-open connections, LETHE_MAX_CONNECTIONS 5,000',
    behaviour: 'half-open',
    connections: [7_000, 280],
    env: [{ LETHE_MAX_CONNECTIONS: '5000' }, { LETHE_MAX_CONNECTIONS: '200' }],
    isAtWork: ({ ended = 0 }) => ended > 0,
  },
  { title: 'Empty pings, thousands in a packet', behaviour: 'pings', connections: [50, 8], isTimed: true },
  { title: 'Pings of 125 bytes', behaviour: 'long pings', connections: [50, 8], isTimed: true },
  {
    title: 'OPENs whose signatures do not verify',
    behaviour: 'bad OPENs',
    connections: [200, 20],
    isTimed: true,
    isAtWork: ({ ended = 0 }) => ended > 0,
  },
  { title: 'Fetches whose signatures do not verify', behaviour: 'bad fetches', connections: [200, 20], isTimed: true },
  {
    title: 'One mailbox filled up',
    behaviour: 'one mailbox',
    connections: [20, 4],
    isAtWork: (counts) => (counts['error 7'] ?? 0) > 0,
  },
  {
    title: 'Every mailbox one can think of filled',
    behaviour: 'every mailbox',
    connections: [20, 4],
    // A relay of its own, where its network owes nothing for the attacks before. In the short form the relay itself stores
    // what is accepted.
    env: [{}, { LETHE_PREFIX_BYTES_PER_SECOND: '8000000' }],
  },
]

/** What was promised and is not so, whatever machine it runs on. */
export function broken({ before, during, grownBytes }: Outcome): string[] {
  const share = during.accepted / during.newcomers
  return [
    ...(before.rounds > 0 && during.rounds > 0 ? [] : ['honest clients exchanged nothing']),
    ...(share >= LEAST_ACCEPTED ? [] : [`of ${during.newcomers} newcomers' deposits ${during.accepted} were accepted`]),
    ...(grownBytes <= MOST_GROWN_BYTES ? [] : [`the relay's memory grew by ${grownBytes} bytes`]),
  ]
}
