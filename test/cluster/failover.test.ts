import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisCluster, startCluster } from '../_util/cluster.ts'
import type { RedisServer } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { createMailbox, range } from '../conformance/client.ts'
import { createStoreSecret } from '../conformance/stores.ts'
import { Fleet } from '../traffic/fleet.ts'
import { Ledger } from '../traffic/ledger.ts'
import { Recipient } from '../traffic/recipient.ts'
import { HttpSender, SocketSender } from '../traffic/senders.ts'
import { keysOf } from './contents.ts'

const PATIENCE = { timeoutMs: 45_000, intervalMs: 100 }
const TRAFFIC_MS = 1_000

async function isMaster(node: RedisServer): Promise<boolean> {
  return (await node.cli('INFO', 'replication')).includes('role:master')
}

async function isReplica(node: RedisServer): Promise<boolean> {
  const replication = await node.cli('INFO', 'replication')
  return replication.includes('role:slave') && replication.includes('master_link_status:up')
}

/** The replica of a master. */
async function replicaOf(master: RedisServer, { nodes }: RedisCluster): Promise<RedisServer> {
  const replication = await master.cli('INFO', 'replication')
  const replica = nodes.find(({ port }) => replication.includes(`port=${port},`))
  if (!replica) throw new Error(`no replica:\n${replication}`)
  return replica
}

class Traffic {
  readonly ledger = new Ledger()
  readonly fleet: Fleet
  readonly mailboxes = range(0, 24).map(() => createMailbox())
  readonly recipients: Recipient[]
  readonly senders: (HttpSender | SocketSender)[]

  constructor(t: Test) {
    const fleet = new Fleet(t)
    const { ledger, mailboxes } = this
    this.fleet = fleet
    this.recipients = mailboxes.map((mailbox, instance) => new Recipient({ fleet, ledger, mailbox, instance }))
    this.senders = [HttpSender, SocketSender].flatMap((kind) =>
      range(0, 6).map((instance) => new kind({ fleet, ledger, mailboxes, instance, pauseMs: 60 })),
    )
  }

  begin(): void {
    for (const recipient of this.recipients.slice(0, 16)) recipient.start()
    for (const sender of this.senders) sender.start()
  }

  /** Resolves when deposits to every mailbox are accepted again. */
  async flows(): Promise<void> {
    const refusals = () => this.senders.reduce((sum, sender) => sum + [...sender.refusals.values()].length, 0)
    await eventually(async () => {
      for (const { refusals } of this.senders) refusals.clear()
      await sleep(TRAFFIC_MS)
      return refusals() === 0
    }, PATIENCE)
  }

  async end(): Promise<void> {
    await Promise.all(this.senders.map((sender) => sender.stop()))
    for (const recipient of this.recipients.slice(16)) recipient.start()
    await eventually(() => this.ledger.owed().length === 0, PATIENCE).catch(() => {})
  }
}

/** A master is lost for good, its replica takes its place, and it comes back empty as the replica. */
async function killMaster(cluster: RedisCluster, master: RedisServer): Promise<void> {
  const replica = await replicaOf(master, cluster)
  await master.kill()
  await eventually(() => isMaster(replica), PATIENCE)
  await master.restart()
  await eventually(() => isReplica(master), PATIENCE)
}

/** A master answers nobody until its replica has taken its place; then it answers again and learns that it has none. */
async function hangMaster(cluster: RedisCluster, master: RedisServer): Promise<void> {
  const replica = await replicaOf(master, cluster)
  master.pause()
  await eventually(() => isMaster(replica), PATIENCE)
  master.resume()
  await eventually(() => isReplica(master), PATIENCE)
}

test('masters of a cluster are lost under traffic, LETHE_REDIS_MIN_REPLICAS=1', async (t) => {
  const cluster = await startCluster({ masters: 3, replicas: 3 })
  t.teardown(() => cluster.stop())
  const traffic = new Traffic(t)
  const { fleet, ledger, senders, recipients } = traffic
  const env = {
    LETHE_REDIS_URL: cluster.url,
    LETHE_STORE_SECRET: createStoreSecret(),
    LETHE_REDIS_MIN_REPLICAS: '1',
  }
  for (const instance of [0, 1]) await fleet.start(instance, env)
  traffic.begin()
  await sleep(TRAFFIC_MS)
  await killMaster(cluster, cluster.nodes[0] as RedisServer)
  await traffic.flows()
  await hangMaster(cluster, cluster.nodes[1] as RedisServer)
  await traffic.flows()
  await traffic.end()

  t.ok(ledger.acceptedCount > 100, `${ledger.acceptedCount} were accepted`)
  t.same(ledger.owed(), [], 'nothing that was accepted is lost')
  t.same(ledger.problems, [], 'nothing changed, and no false DRAINED')
  t.same(
    recipients.flatMap(({ closes }) => closes),
    [],
    'no socket was closed',
  )
  t.ok(Math.max(...senders.map(({ slowestMs }) => slowestMs)) < 12_000, 'nobody waited without an answer')
  await eventually(async () => {
    const keys = await Promise.all(cluster.nodes.map(keysOf))
    return keys.flat().length === 0
  }, PATIENCE)
  for (const recipient of recipients) await recipient.stop()
  t.same(fleet.complaints(), [])
})
