import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { sharedRedisUrl } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { Bench, type Contract } from './bench.ts'
import { wakeUpCases } from './wake-ups.ts'

const hosts = [{ host: '127.0.0.1', port: Number(new URL(sharedRedisUrl()).port) }]
const target = { kind: 'node', hosts, tls: false, db: 0 } as const

for (const wakeBits of [16, 20, 24] as const) {
  const contract: Contract = {
    create: () => ({ open: () => new RedisMailboxStore({ target, minReplicas: 0, wakeBits }) }),
    isShared: true,
    isSelective: true,
  }
  test(`[protocol §8] what the store's contract says of wake-ups, Redis, ${wakeBits} wake bits`, async (t) => {
    for (const [title, body] of Object.entries(wakeUpCases(contract))) {
      const world = await contract.create()
      await t.test(title, (t) => body(t, new Bench(t, world)))
    }
  })
}
