import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { sharedRedisUrl } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { checkStoreModel } from './store-model.ts'

const hosts = [{ host: '127.0.0.1', port: Number(new URL(sharedRedisUrl()).port) }]

test('the Redis store does what the model does', async (t) => {
  const target = { kind: 'node', hosts, tls: false, db: 0 } as const
  const store = new RedisMailboxStore({ target, minReplicas: 0, wakeBits: 12 })
  t.teardown(() => store.close())
  await store.start({ wake() {}, announced() {}, up() {}, down() {}, replaced() {} })
  await eventually(() => store.isReady())
  // Every sequence has queues of its own, so one store serves all.
  await t.resolves(checkStoreModel({ open: () => ({ store }), isTimeMovable: false, runs: 150, length: 80 }))
})
