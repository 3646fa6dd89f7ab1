import type { Redis } from 'ioredis'
import type { NodeSettings } from '../../mailbox/store-facts.ts'
import { faultOf } from './faults.ts'

/**
 * Reads what a node says of its settings, and who watches it.
 * @param address of the node, for people
 * @throws where the node cannot answer now, which says nothing about its settings
 */
export async function readNodeSettings(
  client: Redis,
  address: string,
  names: readonly string[],
): Promise<NodeSettings> {
  const [pairs, clients] = await Promise.all([
    unlessRefused(client.call('CONFIG', 'GET', ...names) as Promise<string[]>),
    unlessRefused(client.call('CLIENT', 'LIST') as Promise<string>),
  ])
  const settings = new Map<string, string>()
  for (let i = 0; i < (pairs?.length ?? 0); i += 2) settings.set(pairs?.[i] as string, pairs?.[i + 1] as string)
  const monitors = clients === undefined ? undefined : (clients.match(/ flags=\w*O/g) ?? []).length
  return { address, settings, monitors }
}

/** A reply; undefined where Redis does not know the command, or this user may not run it. Any other error is thrown. */
export async function unlessRefused<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply
  } catch (error) {
    const fault = faultOf(error)
    if (fault === 'permission' || fault === 'command') return undefined
    throw error
  }
}

/** Fields of an INFO reply. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = text.split('\r\n').flatMap((line): [string, string][] => {
    const colon = line.indexOf(':')
    return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]]
  })
  return new Map(fields)
}
