import type { RelayPolicy } from '../mailbox/policy.ts'
import type { NodeFacts, NodeSettings } from '../mailbox/store-facts.ts'

/**
 * high: envelopes, or who gets how many, can outlive their erasure or be seen by somebody else. medium: traces or times
 * can, or accepted envelopes can be lost. low: one safeguard of several is missing.
 */
export type Severity = 'high' | 'medium' | 'low'

/** Something that is not as it must be. */
export interface Fault {
  /** The node, by its address; or what else it is about. */
  readonly where: string
  /** What was found. Never the name of a key, and nothing of what a key holds. */
  readonly detail: string
}

/** One row of the audit's table. */
export interface Check {
  /** What must be so. */
  readonly what: string
  /** Why it matters, in one sentence. */
  readonly why: string
  readonly severity: Severity
  /** What to do about it. */
  readonly mend: string
  /** Whether it is about Redis, and so about nothing where a relay keeps envelopes in its own memory. */
  readonly isAboutRedis: boolean
  /** Everything that is wrong. What could not be read is. */
  find(facts: AuditFacts): Fault[]
}

/** A row that is also asked before a relay uses a node. */
export interface StartCheck extends Check {
  /** What is wrong with a node; undefined where nothing is. */
  findAt(node: NodeSettings): string | undefined
}

/** What the process says of itself that runs the audit, in the relay's place. */
export interface ProcessFacts {
  /** Options of Node, those of NODE_OPTIONS included, with hyphens where Node takes either. */
  readonly nodeOptions: readonly string[]
  /** Variables that make Node or a package write what it does to standard error. */
  readonly debugVariables: readonly string[]
  readonly isInspected: boolean
  /** Whether Node writes a diagnostic report on anything. */
  readonly isReporting: boolean
  /** Largest core dump, as the system puts it: `0`, `unlimited`; undefined where it cannot be told. */
  readonly coreLimit: string | undefined
  /** Places on disk that memory may be swapped to; undefined where it cannot be told. */
  readonly swapAreas: readonly string[] | undefined
  readonly logLevel: string
}

export interface AuditFacts {
  /** Every node of the store, replicas included; none for the embedded store. */
  readonly nodes: readonly NodeFacts[]
  /** Hosts of the store that the configuration names: nodes or Sentinels. */
  readonly storeHosts: readonly string[]
  /** Whether the relay speaks TLS to the store. */
  readonly isStoreTls: boolean
  readonly publicOrigins: readonly string[]
  readonly process: ProcessFacts
  /** Whether a host is reachable from its own machine alone. */
  isLoopback(host: string): boolean
}

/** What the layout of keys depends on. */
export type LayoutPolicy = Pick<RelayPolicy, 'envelopeBytes' | 'bucketBytes' | 'maxTtlSeconds'>

/** Gives the rows back; only here so that each keeps its own type and the names of all are known. */
export function defineChecks<Id extends string, C extends Check>(checks: Record<Id, C>): Record<Id, C> {
  return checks
}

/** Asks every node that answered. */
export function findAtNodes(facts: AuditFacts, findAt: (node: NodeFacts) => string | undefined): Fault[] {
  return facts.nodes.flatMap((node) => {
    const detail = node.silence === undefined ? findAt(node) : undefined
    return detail === undefined ? [] : [{ where: node.address, detail }]
  })
}

/** What stands for something that could not be read: that counts as unsafe. */
export function unreadable(what: string): string {
  return `${what} cannot be read: the relay's user may not, or this Redis does not have it`
}
