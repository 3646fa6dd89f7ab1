import type { RedisTarget } from '../store/redis/client.ts'
import { clearTraces, eraseUnder, type Remainder } from '../store/redis/erasure.ts'
import {
  type MissingNode,
  missingRights,
  type NodeState,
  type OpenNode,
  openNodes,
  surveyNode,
} from '../store/redis/erasure-survey.ts'
import type { NodeAfter, SecretFate, ShreddedNode, ShredReport } from './shred-report.ts'
import { replaceSecrets, type SecretPlan } from './shred-secret.ts'

interface ShreddingParts {
  readonly target: RedisTarget
  readonly ca: string | undefined
  /** Name of the user that relays log in with. */
  readonly relayUser: string
  /** Undefined where the secret is not to be replaced. */
  readonly secrets: SecretPlan | undefined
  /** Whether to go on where some nodes cannot be erased. */
  readonly isPartial: boolean
}

interface Surveyed extends OpenNode {
  /** Undefined where the node did not answer any more. */
  readonly state: NodeState | undefined
  readonly lacking: readonly string[]
}

/** An emergency erasure: first what stands in its way, then the erasure itself. */
export interface Shredding {
  /** What stands in the way, where anything does. Changes nothing. */
  findRefusal(): Promise<ShredReport | undefined>
  /** What is about to be erased, for people. */
  describe(): string
  /** Does it, unless a relay has come meanwhile. */
  run(): Promise<ShredReport>
  close(): void
}

/** Connects to every node of a store. The caller closes it. */
export async function openShredding(parts: ShreddingParts): Promise<Shredding> {
  const { nodes, missing } = await openNodes(parts.target, parts.ca)
  let surveyed: Surveyed[] = []
  const findRefusal = async (): Promise<ShredReport | undefined> => {
    surveyed = await Promise.all(nodes.map((node) => survey(node, parts.relayUser)))
    const left = obstaclesOf(parts, surveyed, missing)
    if (left.length === 0) return undefined
    const rows = [...surveyed.map((node) => rowOf(node, undefined)), ...missing.map(missingRow)]
    return { outcome: 'refused', storeSecret: 'not replaced', nodes: rows, left }
  }
  return {
    findRefusal,
    describe: () => describe(parts, surveyed),
    run: async () => (await findRefusal()) ?? (await erase(parts, surveyed, missing)),
    close: () => {
      for (const { client } of nodes) client.disconnect()
    },
  }
}

async function survey(node: OpenNode, relayUser: string): Promise<Surveyed> {
  try {
    const lacking = await missingRights(node)
    return { ...node, lacking, state: lacking.length > 0 ? undefined : await surveyNode(node, relayUser) }
  } catch {
    return { ...node, lacking: [], state: undefined }
  }
}

function obstaclesOf(
  { secrets, isPartial }: ShreddingParts,
  nodes: readonly Surveyed[],
  missing: readonly MissingNode[],
): string[] {
  const relays = nodes.flatMap(({ address, state }) =>
    state === undefined || state.relays.length === 0
      ? []
      : [`${address}: relays are connected, or somebody as their user (${state.relays.join(', ')}): stop them first`],
  )
  const usable = nodes.filter(isErasable)
  const others = [
    ...missing.map(({ address, why }) => `${address} ${why}: mend that, or end it and go on with --reachable-only`),
    ...nodes.filter((node) => !isErasable(node)).map((node) => `${node.address}: ${whyNot(node)}`),
  ]
  const nothing = usable.some(({ state }) => state?.role === 'master') ? [] : ['no master can be erased']
  return [...(secrets?.problems ?? []), ...relays, ...(isPartial ? nothing : others)]
}

function isErasable({ state }: Surveyed): boolean {
  return state !== undefined && (state.role === 'master' || state.isFollowing)
}

function whyNot({ lacking, state }: Surveyed): string {
  if (lacking.length > 0) return `this user may not run ${lacking.join(', ')}: use the one that users.acl calls shred`
  if (state === undefined) return 'it does not answer, or this user may not even ask what it may do'
  return 'it is a replica and does not follow its master now: wait until it does, or end it and go on with --reachable-only'
}

function describe({ secrets }: ShreddingParts, nodes: readonly Surveyed[]): string {
  const lines = nodes
    .filter(isErasable)
    .map(({ address, state }) => `  ${address} (${state?.role}): ${state?.keys} keys`)
  const files = secrets?.files.map(({ name }) => `  the secret in the file of ${name}`) ?? []
  return ['This erases for good:', ...lines, ...files].join('\n')
}

async function erase(
  parts: ShreddingParts,
  nodes: readonly Surveyed[],
  missing: readonly MissingNode[],
): Promise<ShredReport> {
  // Before anything else: from here on no copy of Redis can be linked or unsealed with what is on this machine.
  const { fate, left: leftOfSecret } = replaceSecret(parts.secrets)
  const remainders = await eraseMasters(nodes.filter(isErasable))
  const afterwards = await Promise.all(nodes.map((node) => lookAgain(node, remainders.get(node), parts.relayUser)))
  const rows = [...nodes.map((node, i) => rowOf(node, afterwards[i]?.after)), ...missing.map(missingRow)]
  const left = [
    ...leftOfSecret,
    ...afterwards.flatMap((one) => one.left),
    ...missing.map(({ address }) => `${address} was not erased: end it, and delete what is in its folder`),
  ]
  return { outcome: left.length === 0 ? 'erased' : 'incomplete', storeSecret: fate, nodes: rows, left }
}

function replaceSecret(plan: SecretPlan | undefined): { fate: SecretFate; left: string[] } {
  if (plan !== undefined) return replaceSecrets(plan)
  return { fate: 'not replaced', left: ['replace LETHE_STORE_SECRET on every relay, and destroy the old one'] }
}

async function eraseMasters(nodes: readonly Surveyed[]): Promise<Map<Surveyed, Remainder>> {
  const remainders = new Map<Surveyed, Remainder>()
  const masters = nodes.filter(({ state }) => state?.role === 'master')
  const groups = masters.map(async (master) => {
    const isOurs = ({ state }: Surveyed) => state?.replicationId === master.state?.replicationId
    const followers = nodes.filter((node) => node !== master && isOurs(node))
    const found = await eraseUnder(master, followers).catch(() => [])
    for (const [i, node] of [master, ...followers].entries()) {
      const remainder = found[i]
      if (remainder !== undefined) remainders.set(node, remainder)
    }
  })
  await Promise.all(groups)
  return remainders
}

/** What is left on a node, and what is left to do about it. */
async function lookAgain(
  node: Surveyed,
  remainder: Remainder | undefined,
  relayUser: string,
): Promise<{ after: NodeAfter | undefined; left: string[] }> {
  const { address, state: before } = node
  const unknown = [`${address}: it cannot be told what is left: end it, and delete what is in its folder`]
  if (remainder === undefined) return { after: undefined, left: unknown }
  try {
    await clearTraces(node)
    const { keys, logEntries, relays } = await surveyNode(node, relayUser)
    const after = { ...remainder, keys, logEntries }
    const isLeft = keys > 0 || remainder.backlogBytes > 0 || remainder.unfreedKeys > 0 || logEntries > 0
    return {
      after,
      left: [
        ...(isLeft ? [`${address} still holds something: run this again, or end it`] : []),
        ...(relays.length > 0 ? [`${address}: a relay has come meanwhile: stop it, and run this again`] : []),
        ...(before?.filesIn === undefined
          ? []
          : [`${address} is set to write files: end it, and delete what is in ${before.filesIn}`]),
      ],
    }
  } catch {
    return { after: undefined, left: unknown }
  }
}

function rowOf({ address, state }: Surveyed, after: NodeAfter | undefined): ShreddedNode {
  if (state === undefined) return { address, role: undefined, before: undefined, after }
  const { role, keys, backlogBytes, logEntries } = state
  return { address, role, before: { keys, backlogBytes, logEntries }, after }
}

function missingRow({ address }: MissingNode): ShreddedNode {
  return { address, role: undefined, before: undefined, after: undefined }
}
