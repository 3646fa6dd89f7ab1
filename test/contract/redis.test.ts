import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { sharedRedisUrl } from '../_util/redis.ts'
import { runContract } from './mailbox-store.ts'

const hosts = [{ host: '127.0.0.1', port: Number(new URL(sharedRedisUrl()).port) }]

// One Redis for all: every case works on queues of its own.
runContract('Redis', {
  create: () => ({
    open: () =>
      new RedisMailboxStore({ target: { kind: 'node', hosts, tls: false, db: 0 }, minReplicas: 0, wakeBits: 12 }),
  }),
  isShared: true,
})
