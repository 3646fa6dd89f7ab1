import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import calculateSlot from 'cluster-key-slot'
import { countKeys, type OpenNode } from './erasure-survey.ts'
import { bucketKey, PARTITIONS, partitionChannel } from './keys.ts'
import { parseInfo } from './node-settings.ts'

/** What is written over a backlog looks like an envelope of the largest usual size. */
const FILLER_BYTES = 64_028
const FILLER_PER_ROUND = 16
const FILLER_SECONDS = 60
const TAG_BYTES = 16
/** A backlog of a gigabyte is written over in less. */
const PATIENCE_MS = 60_000
const LOOK_MS = 50
/** Of a line of CLUSTER NODES. */
const FIRST_SLOT_FIELD = 8

type Info = ReadonlyMap<string, string>

/** What is left on a node of what was there before. */
export interface Remainder {
  /** In all databases, whoever wrote them. */
  readonly keys: number
  /** In the replication backlog. */
  readonly backlogBytes: number
  /** Erased keys whose memory is not freed yet. */
  readonly unfreedKeys: number
}

/**
 * Erases every key of a master and of all that follow it, frees the memory, and writes over the replication backlogs
 * until nothing of what was written before is in any of them. Waits for all of it, but not for ever.
 * @param followers replicas of that master, and their replicas
 * @returns of the master and each follower in their order, what is left; undefined of those that do not answer any more
 */
export async function eraseUnder(master: OpenNode, followers: readonly OpenNode[]): Promise<(Remainder | undefined)[]> {
  await master.client.call('FLUSHALL', 'ASYNC')
  const erasedAt = Number((await readInfo(master)).get('master_repl_offset') ?? 0)
  const nodes = [master, ...followers]
  const fill = await createFiller(master)
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const left = await Promise.all(nodes.map((node) => readRemainder(node, erasedAt).catch(() => undefined)))
    const isDone = left[0] === undefined || left.every((one) => one === undefined || isNothing(one))
    if (isDone || performance.now() > deadline) return left
    if (left.some((one) => one !== undefined && one.backlogBytes > 0)) await fill()
    await sleep(LOOK_MS)
  }
}

/** Empties the logs of a node and gives memory that it freed back to the system. */
export async function clearTraces({ client }: OpenNode): Promise<void> {
  await client.call('SLOWLOG', 'RESET')
  await client.call('LATENCY', 'RESET')
  await client.call('ACL', 'LOG', 'RESET')
  await client.call('MEMORY', 'PURGE')
}

function isNothing({ keys, backlogBytes, unfreedKeys }: Remainder): boolean {
  return keys === 0 && backlogBytes === 0 && unfreedKeys === 0
}

async function readRemainder(node: OpenNode, erasedAt: number): Promise<Remainder> {
  const info = await readInfo(node)
  // A replica that has not heard of the erasure yet still has all of its backlog from before.
  const heard = Math.min(Number(info.get('master_repl_offset')), erasedAt)
  const first = Number(info.get('repl_backlog_first_byte_offset'))
  const isKept = info.get('repl_backlog_active') === '1'
  return {
    keys: countKeys(info),
    backlogBytes: isKept ? Math.max(0, heard - first + 1) : 0,
    unfreedKeys: Number(info.get('lazyfree_pending_objects') ?? 0),
  }
}

async function readInfo({ client }: OpenNode): Promise<Info> {
  return parseInfo(await client.info())
}

/**
 * Gives a function that sends a megabyte through the backlog of a master and its replicas: a bucket like any other, with
 * random bytes, that is deleted at once.
 */
async function createFiller({ client }: OpenNode): Promise<() => Promise<void>> {
  const partition = await findPartition(client)
  const filler = randomBytes(FILLER_BYTES)
  return async () => {
    const key = bucketKey({ partition, tag: randomBytes(TAG_BYTES) })
    const pipeline = client.pipeline()
    for (let i = 1; i <= FILLER_PER_ROUND; i++) {
      pipeline.xadd(key, `0-${i}`, 'e', filler)
      // Should this process end here, it goes by itself.
      pipeline.expire(key, FILLER_SECONDS)
      pipeline.del(key)
    }
    await pipeline.exec()
  }
}

/** A partition that this node serves; any will do where there is no cluster. */
async function findPartition(client: OpenNode['client']): Promise<number> {
  const info = parseInfo(await client.info('cluster'))
  if (info.get('cluster_enabled') !== '1') return 0
  const table = (await client.call('CLUSTER', 'NODES')) as string
  const own = table.split('\n').find((line) => line.includes('myself')) ?? ''
  const ranges = own
    .split(' ')
    .slice(FIRST_SLOT_FIELD)
    .filter((field) => !field.startsWith('['))
    .map((field) => field.split('-').map(Number))
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const slot = calculateSlot(partitionChannel(partition))
    if (ranges.some(([from = 0, to = from]) => slot >= from && slot <= to)) return partition
  }
  return 0
}
