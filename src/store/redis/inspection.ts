import type { Redis } from 'ioredis'
import type { KeyFacts, NodeFacts } from '../../mailbox/store-facts.ts'
import { connectOnce, type RedisAddress, type RedisTarget } from './client.ts'
import { readKeyspace } from './keyspace.ts'
import { findProcess, locateFolder } from './local-process.ts'
import { parseInfo, readNodeSettings, unlessRefused } from './node-settings.ts'
import { addressName, findAddresses, replicasOf } from './topology.ts'
import { readRights } from './user-rights.ts'

export interface InspectionOptions {
  readonly target: RedisTarget
  /** Certificate authorities in PEM. */
  readonly ca?: string | undefined
  /** Names of the settings to read. */
  readonly settings: readonly string[]
  /** Names the rules that a key breaks. */
  judgeKey(key: KeyFacts): readonly string[]
}

/**
 * Asks every node of a store for all that an audit goes by, replicas included, with the relay's own user. Changes
 * nothing. Never rejects: what could not be read is missing.
 */
export async function inspectStore(options: InspectionOptions): Promise<NodeFacts[]> {
  const waiting = [...(await findAddresses(options.target, options.ca))]
  const seen = new Set<string>()
  const nodes: NodeFacts[] = []
  for (let address = waiting.shift(); address; address = waiting.shift()) {
    const name = addressName(address)
    if (seen.has(name)) continue
    seen.add(name)
    const { node, replicas } = await inspectNode(options, address)
    nodes.push(node)
    waiting.push(...replicas)
  }
  return nodes
}

interface Inspected {
  readonly node: NodeFacts
  readonly replicas: readonly RedisAddress[]
}

async function inspectNode(options: InspectionOptions, address: RedisAddress): Promise<Inspected> {
  const client = await connectOnce(options.target, options.ca, address)
  if (typeof client === 'string') {
    return { node: silentNode(address, client === 'permission' ? 'no-entry' : 'no-answer'), replicas: [] }
  }
  try {
    const info = parseInfo((await unlessRefused(client.info())) ?? '')
    return { node: await readFacts(client, options, address, info), replicas: replicasOf(info) }
  } catch {
    return { node: silentNode(address, 'no-answer'), replicas: [] }
  } finally {
    client.disconnect()
  }
}

async function readFacts(
  client: Redis,
  options: InspectionOptions,
  address: RedisAddress,
  info: ReadonlyMap<string, string>,
): Promise<NodeFacts> {
  const { target, ca } = options
  const local = await findProcess(Number(info.get('process_id')), address.port)
  const db = target.kind === 'node' ? target.db : 0
  const said = await readNodeSettings(client, addressName(address), options.settings)
  const role = ({ master: 'master', slave: 'replica' } as const)[info.get('role') ?? '']
  // Otherwise a replica in a cluster sends whoever asks for a key to its master.
  if (target.kind === 'cluster' && role === 'replica') await unlessRefused(client.readonly())
  return {
    ...silentNode(address, undefined),
    ...said,
    role,
    links: linksOf(info),
    version: info.get('redis_version'),
    folder: await locateFolder(said.settings.get('dir') ?? '', local),
    coreLimit: await local?.readCoreLimit(),
    trackers: numberIn(info.get('tracking_clients')),
    slowLogEntries: (await unlessRefused(client.call('SLOWLOG', 'LEN'))) as number | undefined,
    latencyEvents: await lengthOf(client.call('LATENCY', 'LATEST')),
    aclLogEntries: await lengthOf(client.call('ACL', 'LOG', '1')),
    isOpen: await isOpen(target, ca, address),
    rights: await readRights(client, db),
    keyspace: await readKeyspace(client, db, info, options.judgeKey),
  }
}

function silentNode({ host, port }: RedisAddress, silence: NodeFacts['silence']): NodeFacts {
  return {
    address: addressName({ host, port }),
    host,
    silence,
    settings: new Map(),
    links: [],
    role: undefined,
    monitors: undefined,
    version: undefined,
    folder: undefined,
    coreLimit: undefined,
    trackers: undefined,
    slowLogEntries: undefined,
    latencyEvents: undefined,
    aclLogEntries: undefined,
    isOpen: undefined,
    rights: undefined,
    keyspace: undefined,
  }
}

function linksOf(info: ReadonlyMap<string, string>): NodeFacts['links'] {
  const isCluster = info.get('cluster_enabled') === '1'
  const isLinked = isCluster || info.get('role') === 'slave' || Number(info.get('connected_slaves')) > 0
  return [...(isLinked ? (['tls-replication'] as const) : []), ...(isCluster ? (['tls-cluster'] as const) : [])]
}

function numberIn(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

async function lengthOf(reply: Promise<unknown>): Promise<number | undefined> {
  const list = await unlessRefused(reply)
  return Array.isArray(list) ? list.length : undefined
}

/** Undefined where it cannot be told. */
async function isOpen(
  target: RedisTarget,
  ca: string | undefined,
  address: RedisAddress,
): Promise<boolean | undefined> {
  const client = await connectOnce(target, ca, address, 'nobody')
  if (typeof client === 'string') return client === 'permission' ? false : undefined
  try {
    return (await unlessRefused(client.ping())) !== undefined
  } catch {
    return undefined
  } finally {
    client.disconnect()
  }
}
