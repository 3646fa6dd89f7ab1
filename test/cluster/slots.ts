import calculateSlot from 'cluster-key-slot'
import { deriveQueue } from '../../src/mailbox/sealing.ts'
import { hashTag } from '../../src/store/redis/keys.ts'
import type { RedisServer } from '../_util/redis.ts'
import type { Mailbox } from '../conformance/client.ts'

/** Redis Cluster's slot of a mailbox, under a storeSecret as LETHE_STORE_SECRET takes it. */
export function slotOf(mailbox: Mailbox, secret: string): number {
  const { partition } = deriveQueue(Buffer.from(secret, 'base64url'), mailbox.address)
  return calculateSlot(`{${hashTag(partition)}}`)
}

async function idOf(node: RedisServer): Promise<string> {
  return await node.cli('CLUSTER', 'MYID')
}

/** One slot on its way from one master to another, step by step. */
export class SlotMigration {
  readonly #slot: string
  readonly #from: RedisServer
  readonly #to: RedisServer

  constructor(slot: number, from: RedisServer, to: RedisServer) {
    this.#slot = String(slot)
    this.#from = from
    this.#to = to
  }

  /** The slot is open on both sides: keys that the source does not have belong to the target. */
  async begin(): Promise<void> {
    await this.#to.cli('CLUSTER', 'SETSLOT', this.#slot, 'IMPORTING', await idOf(this.#from))
    await this.#from.cli('CLUSTER', 'SETSLOT', this.#slot, 'MIGRATING', await idOf(this.#to))
  }

  /** Names of the keys that are still at the source. */
  async left(): Promise<string[]> {
    const keys = await this.#from.cli('CLUSTER', 'GETKEYSINSLOT', this.#slot, '1000')
    return keys.split('\n').filter((key) => key !== '')
  }

  async moveKeys(): Promise<void> {
    const keys = await this.left()
    if (keys.length === 0) return
    await this.#from.cli('MIGRATE', '127.0.0.1', String(this.#to.port), '', '0', '5000', 'KEYS', ...keys)
  }

  /** The slot is the target's, as every node gets to know. */
  async end(): Promise<void> {
    const owner = await idOf(this.#to)
    for (const node of [this.#to, this.#from]) await node.cli('CLUSTER', 'SETSLOT', this.#slot, 'NODE', owner)
  }
}

/** Which of the nodes serves a slot, as the first of them sees it. */
export async function ownerOf(slot: number, nodes: readonly RedisServer[]): Promise<RedisServer> {
  const table = await (nodes[0] as RedisServer).cli('CLUSTER', 'NODES')
  for (const line of table.split('\n')) {
    const [, address = '', , , , , , , ...ranges] = line.split(' ')
    const isOwner = ranges.some((range) => {
      const [first, last = first] = range.split('-').map(Number) as [number, number?]
      return first <= slot && slot <= last
    })
    const owner = nodes.find(({ port }) => address.includes(`:${port}@`))
    if (isOwner && owner) return owner
  }
  throw new Error(`no node serves slot ${slot}`)
}
