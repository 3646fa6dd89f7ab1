import type { Redis } from 'ioredis'
import { connectOnce, type RedisAddress, type RedisTarget } from './client.ts'

/**
 * Where the nodes of a store are said to be: the one node; the master and its replicas as a Sentinel knows them; or every
 * node that a Cluster knows. Replicas that only their master knows are found when that is asked.
 * @returns what the target names, where nobody there answers
 */
export async function findAddresses(target: RedisTarget, ca: string | undefined): Promise<readonly RedisAddress[]> {
  if (target.kind === 'node') return target.hosts
  for (const address of target.hosts) {
    const client = await connectOnce(target, ca, address)
    if (typeof client === 'string') continue
    try {
      const found = target.kind === 'cluster' ? await askCluster(client) : await askSentinel(client, target.masterName)
      if (found.length > 0) return found
    } catch {
      // the next one may know
    } finally {
      client.disconnect()
    }
  }
  return target.hosts
}

/** Replicas of a node, from the fields of its INFO. */
export function replicasOf(info: ReadonlyMap<string, string>): RedisAddress[] {
  return [...info].flatMap(([name, value]) => {
    const [, host, port] = (/^slave\d+$/.test(name) && /(?:^|,)ip=([^,]+),port=(\d+)/.exec(value)) || []
    return host === undefined ? [] : [{ host, port: Number(port) }]
  })
}

/** The master that a replica follows, from the fields of its INFO; none for a master. */
export function masterOf(info: ReadonlyMap<string, string>): RedisAddress[] {
  const host = info.get('master_host')
  return host === undefined ? [] : [{ host, port: Number(info.get('master_port')) }]
}

/** `host:port`, for people. */
export function addressName({ host, port }: RedisAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

// Lines of the form `id ip:port@bus,name flags …`. A node that tells its name is called by it, as certificates are made for
// names; one that was lost sight of has neither address nor port.
async function askCluster(client: Redis): Promise<RedisAddress[]> {
  const table = (await client.call('CLUSTER', 'NODES')) as string
  return table.split('\n').flatMap((line) => {
    const [, ip = '', port, name = ''] = /^\w+ (.*):(\d+)@\d+(?:,([^\s,]*))?\S* /.exec(line) ?? []
    if (port === undefined || port === '0') return []
    return [{ host: name || ip || (client.options.host as string), port: Number(port) }]
  })
}

async function askSentinel(client: Redis, masterName: string): Promise<RedisAddress[]> {
  const master = (await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName)) as [string, string] | null
  if (master === null) return []
  const replicas = (await client.call('SENTINEL', 'REPLICAS', masterName)) as string[][]
  return [master, ...replicas.map(addressIn)].map(([host, port]) => ({ host, port: Number(port) }))
}

/** Fields of a map that ioredis gives as a flat list. */
function addressIn(fields: readonly string[]): [string, string] {
  const read = (name: string) => fields[fields.indexOf(name) + 1] as string
  return [read('ip'), read('port')]
}
