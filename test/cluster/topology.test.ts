import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { startCluster } from '../_util/cluster.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

/** Longer than the time between two questions for who serves what. */
const NEXT_QUESTION_MS = 7_000

test('a store that is closed while the cluster is asked who serves what asks no more, and keeps no process alive', async (t) => {
  const cluster = await startCluster()
  t.teardown(() => cluster.stop())
  const hosts = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
  const target = { kind: 'cluster', hosts, tls: false } as const
  const store = new RedisMailboxStore({ target, minReplicas: 0, wakeBits: 24 })
  await store.start({ wake() {}, announced() {}, up() {}, down() {}, replaced() {} })
  await eventually(() => store.isReady(), { timeoutMs: 30_000 })

  const ask = Cluster.prototype.refreshSlotsCache
  t.teardown(() => {
    Cluster.prototype.refreshSlotsCache = ask
  })
  let questions = 0
  Cluster.prototype.refreshSlotsCache = function (callback) {
    questions++
    ask.call(this, callback)
  }
  await eventually(() => questions > 0, { timeoutMs: 20_000, intervalMs: 0 })
  await store.close()
  const asked = questions
  await sleep(NEXT_QUESTION_MS)
  t.equal(questions, asked)
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout')
  t.ok(timers.length <= 1, 'none but the time limit of the test itself')
})
