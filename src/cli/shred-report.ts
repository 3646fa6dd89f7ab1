import { readVersion } from '../version.ts'

/** What a node held before anything was done, by its own account. */
export interface NodeBefore {
  readonly keys: number
  readonly backlogBytes: number
  readonly logEntries: number
}

/** What of it is still there. */
export interface NodeAfter extends NodeBefore {
  /** Erased keys whose memory was not freed yet. */
  readonly unfreedKeys: number
}

export interface ShreddedNode {
  readonly address: string
  readonly role: 'master' | 'replica' | undefined
  /** Undefined where the node did not answer. */
  readonly before: NodeBefore | undefined
  /** Undefined where the node did not answer, or nothing was done. */
  readonly after: NodeAfter | undefined
}

/** `in place`: written over where it lay, since another file could not be put there. */
export type SecretFate = 'replaced' | 'replaced in place' | 'not replaced'

/** `refused`: nothing was changed; `erased`: nothing is left; `incomplete`: all was done that could be. */
export type ShredOutcome = 'refused' | 'erased' | 'incomplete'

/** What `lethe shred` did, and what is left to do. */
export interface ShredReport {
  readonly outcome: ShredOutcome
  readonly storeSecret: SecretFate
  readonly nodes: readonly ShreddedNode[]
  /** What stood or stands in the way, each with what to do. */
  readonly left: readonly string[]
}

/** What no command can reach. It is part of every report. */
export const BEYOND = [
  'Other places that hold the old storeSecret: relays on other machines, secret stores, backups, notes. Whoever has it ' +
    'and a copy of Redis can still find and unseal what waited for an address that they know.',
  'Copies of Redis that somebody has made, and of its machine.',
  'Freed memory of Redis, until it is written over: end each Redis process once, and it is gone.',
  'The drive that the secret lay on: a flash drive, a journal or a snapshot may keep what was written over.',
]

export function shredJson(report: ShredReport): string {
  const { outcome, storeSecret, nodes, left } = report
  const rows = nodes.map(({ address, role = null, before = null, after = null }) => ({ address, role, before, after }))
  const document = { document: 'lethe shred', version: 1, software: { name: 'lethe', ...readVersion() } }
  return `${JSON.stringify({ ...document, outcome, storeSecret, nodes: rows, left, beyond: BEYOND }, null, 2)}\n`
}

export function shredText({ outcome, storeSecret, nodes, left }: ShredReport): string {
  const isDone = outcome !== 'refused'
  return [
    HEADLINES[outcome],
    '',
    ...(isDone ? [`storeSecret  ${storeSecret}`] : []),
    ...nodes.flatMap(nodeLines),
    ...(left.length > 0 ? ['', 'Left to do:', ...left.map((line) => `- ${line}`)] : []),
    ...(isDone ? ['', 'What no command can reach:', ...BEYOND.map((line) => `- ${line}`)] : []),
    '',
  ].join('\n')
}

const HEADLINES: Readonly<Record<ShredOutcome, string>> = {
  refused: 'Nothing was changed.',
  erased: 'Erased: nothing is left of what was there before.',
  incomplete: 'NOT ALL is erased, or something is left to do.',
}

function nodeLines({ address, role, before, after }: ShreddedNode): string[] {
  const heading = `${address} (${role ?? 'unknown'})`
  if (before === undefined) return [`${heading}  does not answer`]
  const then = `${before.keys} keys, ${before.backlogBytes} bytes of backlog, ${before.logEntries} log entries`
  if (after === undefined) return [`${heading}  holds ${then}`]
  return [
    `${heading}`,
    `  before  ${then}`,
    `  left    ${after.keys} keys, ${after.backlogBytes} bytes of backlog, ${after.logEntries} log entries` +
      `${after.unfreedKeys > 0 ? `, ${after.unfreedKeys} keys not freed yet` : ''}`,
  ]
}
