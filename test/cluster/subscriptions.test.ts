import { randomBytes } from 'node:crypto'
import calculateSlot from 'cluster-key-slot'
import { Redis } from 'ioredis'
import type { QueueName } from '../../src/mailbox/mailbox-store.ts'
import { deriveQueue } from '../../src/mailbox/sealing.ts'
import { encodeWake } from '../../src/store/redis/announcements.ts'
import { createClient } from '../../src/store/redis/client.ts'
import { partitionChannel, type WakeBits, wakeChannel } from '../../src/store/redis/keys.ts'
import { WakeUps } from '../../src/store/redis/wake-ups.ts'
import { type RedisCluster, startCluster } from '../_util/cluster.ts'
import type { RedisServer } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { range } from '../conformance/client.ts'
import { allChannels } from './contents.ts'
import { ownerOf, SlotMigration } from './slots.ts'

const ROUNDS = 6
const QUEUES = 24
const PARTITIONS = 4_096
const PATIENCE = { timeoutMs: 40_000 }

const secret = randomBytes(32)
const createQueue = (): QueueName => deriveQueue(secret, randomBytes(32))
const slotOf = ({ partition }: QueueName): number => calculateSlot(partitionChannel(partition))

/** What listens at a Cluster, and what it has heard. */
class Hearing {
  readonly wakeUps: WakeUps
  /** How often the wake-up of each number was heard. */
  readonly heard = new Map<number, number>()
  /** How often it was told that wake-ups may have been missed. */
  gaps = 0
  isUp = false
  readonly #cluster: RedisCluster
  readonly #wakeBits: WakeBits
  #number = 0

  constructor(t: Test, cluster: RedisCluster, wakeBits: WakeBits) {
    this.#cluster = cluster
    this.#wakeBits = wakeBits
    const hosts = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
    this.wakeUps = new WakeUps(createClient({ kind: 'cluster', hosts, tls: false }, undefined), wakeBits)
    t.teardown(() => this.wakeUps.stop())
    this.wakeUps.start({
      wake: (_wakeTag, _sizeIndex, _classIndex, number) => this.heard.set(number, (this.heard.get(number) ?? 0) + 1),
      announced() {},
      up: (isGap) => {
        this.isUp = true
        if (isGap) this.gaps++
      },
      down: () => {
        this.isUp = false
      },
      replaced() {},
    })
    this.wakeUps.storeIs(true)
  }

  /** Publishes a wake-up where it is served. @returns its number, and how many heard it */
  async publish(queue: QueueName): Promise<[number, number]> {
    const number = ++this.#number
    const owner = await ownerOf(slotOf(queue), this.#cluster.nodes)
    const message = encodeWake(queue, {
      partition: queue.partition,
      tag: queue.wakeTag,
      sizeIndex: 0,
      classIndex: 0,
      expiresAt: number,
    })
    return [number, Number(await owner.cli('SPUBLISH', wakeChannel(queue, this.#wakeBits), message))]
  }

  /** Resolves when each queue is subscribed where it is served, and what is published there is heard, once. */
  async hearsAll(t: Test, queues: readonly QueueName[]): Promise<void> {
    for (const queue of queues) {
      const number = await eventually(async () => {
        const [number, receivers] = await this.publish(queue)
        return receivers > 0 && number
      }, PATIENCE)
      await eventually(() => this.heard.has(number), PATIENCE)
      t.equal(this.heard.get(number), 1, 'heard once')
    }
  }
}

/** Names of channels that commands ask for from now on, command by command. */
function watchAsking(t: Test): string[][] {
  const send = Redis.prototype.sendCommand
  const asked: string[][] = []
  t.teardown(() => {
    Redis.prototype.sendCommand = send
  })
  Redis.prototype.sendCommand = function (command, stream) {
    if (command.name === 'ssubscribe') asked.push(command.args.map(String))
    return send.call(this, command, stream)
  }
  return asked
}

async function subscribers(node: RedisServer): Promise<number> {
  const list = await node.cli('CLIENT', 'LIST', 'TYPE', 'pubsub')
  return list.split('\n').filter((line) => line !== '').length
}

test('[protocol §8] subscriptions at a Cluster', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.stop())

  for (const wakeBits of [24, 12] as const) {
    await t.test(
      `lost again and again they come back, and none is kept twice, LETHE_WAKE_BITS=${wakeBits}`,
      async (t) => {
        const asked = watchAsking(t)
        const hearing = new Hearing(t, cluster, wakeBits)
        await eventually(() => hearing.isUp, PATIENCE)
        const queues = range(0, QUEUES).map(createQueue)
        for (const queue of [...queues, ...queues, ...queues]) await hearing.wakeUps.follow(queue)
        await hearing.hearsAll(t, queues)
        for (const round of range(0, ROUNDS)) {
          const before = hearing.gaps
          for (const node of cluster.nodes) await node.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
          await hearing.hearsAll(t, queues)
          await eventually(() => hearing.gaps > before, PATIENCE)
          t.ok(hearing.wakeUps.isSubscribed, `round ${round}: everybody is told to look, and it goes on`)
        }
        t.ok(
          asked.every((names) => new Set(names).size === names.length),
          'nothing is asked for twice in one command',
        )
        await eventually(
          async () => (await allChannels(cluster)).length === (wakeBits === 12 ? PARTITIONS : QUEUES),
          PATIENCE,
        )
        for (const node of cluster.nodes) t.equal(await subscribers(node), 1, 'one connection to each node')
      },
    )
  }

  await t.test('a slot that moves takes its channel along, and costs no other one', async (t) => {
    const hearing = new Hearing(t, cluster, 12)
    await eventually(() => hearing.isUp, PATIENCE)
    const queue = createQueue()
    const from = await ownerOf(slotOf(queue), cluster.nodes)
    const to = cluster.nodes.find((node) => node !== from) as RedisServer
    const neighbour = await eventually(async () => {
      const one = createQueue()
      return one.partition !== queue.partition && (await ownerOf(slotOf(one), cluster.nodes)) === from && one
    })
    let isMoving = true
    const probing = (async () => {
      const receivers: number[] = []
      while (isMoving) receivers.push((await hearing.publish(neighbour))[1])
      return receivers
    })()
    for (const [source, target] of [
      [from, to],
      [to, from],
    ] as const) {
      const before = hearing.gaps
      const migration = new SlotMigration(slotOf(queue), source, target)
      await migration.begin()
      await migration.end()
      await eventually(async () => (await ownerOf(slotOf(queue), cluster.nodes)) === target, PATIENCE)
      await hearing.hearsAll(t, [queue])
      await eventually(() => hearing.gaps > before, PATIENCE)
    }
    isMoving = false
    t.same([...new Set(await probing)], [1])
  })

  await t.test('a node that falls silent is found out, the others are heard meanwhile', async (t) => {
    const hearing = new Hearing(t, cluster, 12)
    await eventually(() => hearing.isUp, PATIENCE)
    const [silent, other] = cluster.nodes.slice(1) as [RedisServer, RedisServer]
    const queueAt = (node: RedisServer) =>
      eventually(async () => {
        const queue = createQueue()
        return (await ownerOf(slotOf(queue), cluster.nodes)) === node && queue
      })
    const [gone, there] = [await queueAt(silent), await queueAt(other)]
    silent.pause()
    t.teardown(() => silent.resume())
    const isFollowed = (queue: QueueName) =>
      hearing.wakeUps.follow(queue).then(
        () => true,
        () => false,
      )
    await eventually(async () => !(await isFollowed(gone)), PATIENCE)
    t.ok(await isFollowed(there))
    t.ok(hearing.wakeUps.isSubscribed && hearing.isUp)
    const before = hearing.gaps
    silent.resume()
    await hearing.hearsAll(t, [gone, there])
    t.ok(await isFollowed(gone))
    await eventually(() => hearing.gaps > before, PATIENCE)
  })
})
