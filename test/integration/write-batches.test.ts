import { randomBytes } from 'node:crypto'
import { eraseNow } from '../../src/mailbox/erasures.ts'
import { StoreUnavailableError } from '../../src/mailbox/mailbox-store.ts'
import { deriveQueue } from '../../src/mailbox/sealing.ts'
import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type DepositOutcome, storeDeposit } from '../_util/store-deposit.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { record } from '../contract/bench.ts'

const PATIENCE = { timeoutMs: 20_000, intervalMs: 50 }

/** A started store on a Redis, the sizes of its batches, and how often Redis was sent each command. */
async function open(t: Test, redis: RedisServer, minReplicas: number) {
  const batches: number[] = []
  const store = new RedisMailboxStore({
    target: { kind: 'node', hosts: [{ host: '127.0.0.1', port: redis.port }], tls: false, db: 0 },
    minReplicas,
    wakeBits: 12,
    onBatch: (writes) => batches.push(writes),
  })
  t.teardown(() => store.close())
  await store.start({ wake() {}, announced() {}, up() {}, down() {}, replaced() {} })
  await eventually(() => store.isReady(), PATIENCE)
  const depositAll = (count: number): Promise<DepositOutcome[]> => {
    const queues = Array.from({ length: count }, () => deriveQueue(randomBytes(32), randomBytes(32)))
    return Promise.all(queues.map((queue) => storeDeposit(store, queue.partition, (now) => record(queue, now))))
  }
  // Redis is given each script with its first use.
  await depositAll(1)
  const queue = deriveQueue(randomBytes(32), randomBytes(32))
  await eraseNow(store, record(queue, store.nowSeconds(queue.partition)).bucket, [1])
  batches.splice(0)
  await redis.cli('CONFIG', 'RESETSTAT')
  const calls = async (command: string) => {
    const stats = await redis.cli('INFO', 'commandstats')
    return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
  }
  return { store, batches, depositAll, calls }
}

test('[architecture] the writes of one turn of the event loop are one batch, one call of one script', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const { store, batches, depositAll, calls } = await open(t, redis, 0)
  t.ok((await depositAll(100)).every(({ kind }) => kind === 'stored'))
  t.same(batches, [100])
  t.equal(await calls('evalsha'), 1)
  t.equal(await calls('xadd'), 100)

  const queue = deriveQueue(randomBytes(32), randomBytes(32))
  const { bucket } = record(queue, store.nowSeconds(queue.partition))
  batches.splice(0)
  await Promise.all([depositAll(10), eraseNow(store, bucket, [1]), eraseNow(store, bucket, [2]), depositAll(10)])
  t.same(batches, [22], 'erasures go with deposits')
  t.equal(await calls('evalsha'), 3, 'one call for each of the two scripts')
})

test('[architecture] what comes while a batch is under way is the next one, of limited size', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const { batches, depositAll } = await open(t, redis, 0)
  const first = depositAll(1)
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  redis.pause()
  const waiting = depositAll(2_100)
  redis.resume()
  await Promise.all([first, waiting])
  t.same(batches, [1, 1024, 1024, 52])
})

test('[protocol §8] one WAIT covers a batch, in its own pipeline', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${redis.port}`] })
  t.teardown(() => replica.stop())
  await eventually(async () => (await replica.cli('INFO', 'replication')).includes('master_link_status:up'), PATIENCE)
  const { batches, depositAll, calls } = await open(t, redis, 1)
  t.ok((await depositAll(100)).every(({ kind }) => kind === 'stored'))
  t.same(batches, [100])
  t.equal(await calls('wait'), 1)
  t.equal(await calls('evalsha'), 1)
})

test('an envelope that cannot be sealed fails alone, also where it is the only one', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const { store, depositAll, batches } = await open(t, redis, 0)
  const unsealable = () =>
    storeDeposit(store, 0, (now) => {
      const made = record(deriveQueue(randomBytes(32), randomBytes(32)), now)
      let asked = 0
      // It is asked for its length first.
      const get = () => {
        if (asked++ > 0) throw new Error('no cipher')
        return made.sealed
      }
      return Object.defineProperty({ ...made }, 'sealed', { get })
    })
  await t.rejects(unsealable(), StoreUnavailableError)
  batches.splice(0)
  const [refused, others] = await Promise.allSettled([unsealable(), depositAll(3)])
  t.same([refused.status, others.status], ['rejected', 'fulfilled'])
  t.same(batches, [3])
})

test('what was asked for in the turn in which the store is closed is still sent', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const { store } = await open(t, redis, 0)
  const queue = deriveQueue(randomBytes(32), randomBytes(32))
  const { bucket } = record(queue, store.nowSeconds(queue.partition))
  const erased = eraseNow(store, bucket, [1])
  await store.close()
  t.equal(await erased, 0)
})
