import type { Redis } from 'ioredis'
import { connectOnce, type RedisAddress, type RedisTarget } from './client.ts'
import { SHRED_COMMANDS } from './commands.ts'
import { partitionChannel } from './keys.ts'
import { parseInfo } from './node-settings.ts'
import { addressName, findAddresses, masterOf, replicasOf } from './topology.ts'

const OWN_KEY = partitionChannel(0)
/** Calls with the words that Redis wants before it judges them. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  'acl|dryrun': ['ACL', 'DRYRUN', 'default', 'PING'],
  'config|get': ['CONFIG', 'GET', 'save'],
  del: ['DEL', OWN_KEY],
  expire: ['EXPIRE', OWN_KEY, '1'],
  xadd: ['XADD', OWN_KEY, '*', 'e', ''],
}
const REFUSED = /no permissions|NOPERM/

/** A node of the store with a connection to it. */
export interface OpenNode {
  readonly address: string
  readonly client: Redis
}

/** A node that could not be asked. */
export interface MissingNode {
  readonly address: string
  readonly why: 'does not answer' | 'refuses this user or password'
}

/** What a node holds, by its own account. */
export interface NodeState {
  /** The same for a master and all that follow it. */
  readonly replicationId: string
  readonly role: 'master' | 'replica'
  /** Of a replica: whether it follows its master at this moment. */
  readonly isFollowing: boolean
  /** In all databases. */
  readonly keys: number
  readonly backlogBytes: number
  /** Entries in slow log, ACL log and latency monitor. */
  readonly logEntries: number
  /** Folder into which it is set to write what it holds; undefined where it is set to write nothing. */
  readonly filesIn: string | undefined
  /** Addresses of connections that are a relay's, or may be. */
  readonly relays: readonly string[]
}

/**
 * Connects to every node of a store: those that the target leads to, their replicas, and their masters. The caller
 * disconnects all.
 */
export async function openNodes(
  target: RedisTarget,
  ca: string | undefined,
): Promise<{ nodes: OpenNode[]; missing: MissingNode[] }> {
  const whole: RedisTarget = target.kind === 'node' ? { ...target, db: 0 } : target
  const waiting = [...(await findAddresses(whole, ca))]
  const seen = new Set<string>()
  const nodes: OpenNode[] = []
  const missing: MissingNode[] = []
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const address = addressName(next)
    if (seen.has(address)) continue
    seen.add(address)
    const client = await connectOnce(whole, ca, next)
    if (typeof client === 'string') {
      missing.push({ address, why: client === 'permission' ? 'refuses this user or password' : 'does not answer' })
      continue
    }
    nodes.push({ address, client })
    waiting.push(...(await neighboursOf(client)))
  }
  return { nodes, missing }
}

async function neighboursOf(client: Redis): Promise<RedisAddress[]> {
  const info = parseInfo(await client.info('replication').catch(() => ''))
  return [...replicasOf(info), ...masterOf(info)]
}

/** What this connection's user would have to be able to do, and is not. @throws where it may not even ask */
export async function missingRights({ client }: OpenNode): Promise<string[]> {
  const user = (await client.call('ACL', 'WHOAMI')) as string
  const pipeline = client.pipeline()
  for (const name of SHRED_COMMANDS) pipeline.call('ACL', 'DRYRUN', user, ...(SAMPLES[name] ?? name.split('|')))
  const answers = (await pipeline.exec()) ?? []
  return SHRED_COMMANDS.filter((_, i) => REFUSED.test(String(answers[i]?.[0]?.message ?? answers[i]?.[1])))
}

/** @param relayUser name of the user that relays log in with. @throws where the node does not answer any more */
export async function surveyNode({ client }: OpenNode, relayUser: string): Promise<NodeState> {
  const info = parseInfo(await client.info())
  const [clients, ownId, slow, denied, latency, settings] = await Promise.all([
    client.call('CLIENT', 'LIST') as Promise<string>,
    client.call('CLIENT', 'ID'),
    client.call('SLOWLOG', 'LEN') as Promise<number>,
    client.call('ACL', 'LOG', '1') as Promise<unknown[]>,
    client.call('LATENCY', 'LATEST') as Promise<unknown[]>,
    client.call('CONFIG', 'GET', 'save', 'appendonly', 'dir') as Promise<string[]>,
  ])
  const setting = (name: string) => settings[settings.indexOf(name) + 1] as string
  const writesFiles = setting('save') !== '' || setting('appendonly') !== 'no'
  return {
    replicationId: info.get('master_replid') ?? '',
    role: info.get('role') === 'slave' ? 'replica' : 'master',
    isFollowing: info.get('master_link_status') === 'up',
    keys: countKeys(info),
    backlogBytes: Number(info.get('repl_backlog_histlen') ?? 0),
    logEntries: slow + denied.length + latency.length,
    filesIn: writesFiles ? setting('dir') : undefined,
    relays: relaysIn(clients, relayUser, String(ownId)),
  }
}

export function countKeys(info: ReadonlyMap<string, string>): number {
  return [...info]
    .filter(([name]) => /^db\d+$/.test(name))
    .reduce((sum, [, value]) => sum + Number(/^keys=(\d+)/.exec(value)?.[1] ?? 0), 0)
}

/**
 * Who hears wake-ups is a relay, and so may be whoever has logged in as one; but for links between nodes, Sentinels, and
 * this connection itself.
 */
function relaysIn(clients: string, relayUser: string, ownId: string): string[] {
  return clients.split('\n').flatMap((line) => {
    const fields = new Map(line.split(' ').map((word) => [word.split('=')[0], word.slice(word.indexOf('=') + 1)]))
    if (line === '' || fields.get('id') === ownId || /[SM]/.test(fields.get('flags') ?? '')) return []
    if (fields.get('name')?.startsWith('sentinel-')) return []
    const isRelay = Number(fields.get('ssub')) > 0 || fields.get('user') === relayUser
    return isRelay ? [fields.get('addr') ?? 'unknown'] : []
  })
}
