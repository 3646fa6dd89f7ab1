import type { Redis } from 'ioredis'
import { closeClient, createClient, type RedisTarget } from '../../src/store/redis/client.ts'
import type { StoreFault } from '../../src/store/redis/faults.ts'
import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { TOUCH_PERIOD_SECONDS, TouchSweep } from '../../src/store/redis/touch-sweep.ts'
import { countIdle, createBucketKey, makeIdle, withRedis } from '../_util/idle-keys.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const PERIOD_SECONDS = 600
const LOOK_MS = 150_000
const KEYS = Array.from({ length: 600 }, createBucketKey)

function targetOf({ port }: RedisServer, user?: string): RedisTarget {
  const access = user === undefined ? {} : { username: user, password: { reveal: () => 'pass' } }
  return { kind: 'node', hosts: [{ host: '127.0.0.1', port }], tls: false, db: 0, ...access }
}

/** A sweep of a relay's own, whose looks are made one at a time. */
function createSweep(t: Test, target: RedisTarget) {
  const clock = createManualClock(0)
  let scheduled = 0
  const after = (delayMs: number, action: () => void) => {
    scheduled++
    return clock.after(delayMs, action)
  }
  const faults: StoreFault[] = []
  const client = createClient(target, undefined) as Redis
  const sweep = new TouchSweep({
    client,
    target,
    ca: undefined,
    onFault: (fault) => faults.push(fault),
    periodSeconds: PERIOD_SECONDS,
    clock: { ...clock, after },
    draw: (limit) => Math.floor(Math.random() * limit),
  })
  t.teardown(() => {
    sweep.stop()
    closeClient(client)
  })
  return {
    sweep,
    faults,
    /** Makes the next look, and waits until it is over: then the one after it is scheduled. */
    async look(): Promise<void> {
      if (client.status === 'wait') await client.connect()
      if (scheduled === 0) sweep.start()
      const before = scheduled
      clock.advance(LOOK_MS)
      await eventually(() => scheduled > before)
    },
  }
}

async function start(t: Test, args: readonly string[] = []): Promise<RedisServer> {
  const redis = await startRedis({ args })
  t.teardown(() => redis.stop())
  return redis
}

/** Calls of a command since the statistics were reset. */
async function callsOf(redis: Redis, command: string): Promise<number> {
  const info = await redis.info('commandstats')
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0)
}

test('the period is ten minutes', async (t) => {
  t.equal(TOUCH_PERIOD_SECONDS, 600)
})

test('every bucket is touched, and nothing else', async (t) => {
  const server = await start(t)
  await withRedis(server.port, async (redis) => {
    await makeIdle(redis, [...KEYS, 'foreign'])
    t.equal(await countIdle(redis, KEYS), KEYS.length)
    await createSweep(t, targetOf(server)).look()
    t.equal(await countIdle(redis, KEYS), 0)
    t.equal(await countIdle(redis, ['foreign']), 1, 'a key that is none of the relay’s is left alone')
  })
})

test('a relay does not sweep what another one has just swept', async (t) => {
  const server = await start(t)
  await withRedis(server.port, async (redis) => {
    await makeIdle(redis, KEYS)
    await createSweep(t, targetOf(server)).look()
    await redis.config('RESETSTAT')
    const other = createSweep(t, targetOf(server))
    await other.look()
    t.ok((await callsOf(redis, 'object\\|idletime')) >= 32, 'it has looked')
    t.equal(await callsOf(redis, 'touch'), 0, 'and not touched')
    await makeIdle(redis, KEYS)
    await other.look()
    t.equal(await countIdle(redis, KEYS), 0, 'when the other one is gone, it sweeps')
  })
})

test('a sweep that was never finished is made up for', async (t) => {
  const server = await start(t)
  await withRedis(server.port, async (redis) => {
    await makeIdle(redis, KEYS)
    const [cursor, first] = await redis.scan('0', 'MATCH', 'lethe1:*', 'COUNT', 300)
    t.not(cursor, '0')
    await redis.touch(...first)
    t.ok((await countIdle(redis, KEYS)) > 200)
    await createSweep(t, targetOf(server)).look()
    t.equal(await countIdle(redis, KEYS), 0)
  })
})

test('a few keys that happen to be in use do not stand for all', async (t) => {
  const server = await start(t)
  await withRedis(server.port, async (redis) => {
    const few = KEYS.slice(0, 5)
    await makeIdle(redis, few)
    await redis.touch(...few.slice(1))
    await createSweep(t, targetOf(server)).look()
    t.equal(await countIdle(redis, few), 0)
  })
})

test('replicas are swept as well: what is read on a master does not reach them', async (t) => {
  const master = await start(t)
  const replica = await start(t, ['--replicaof', `127.0.0.1 ${master.port}`])
  await withRedis(master.port, (redis) => makeIdle(redis, KEYS))
  await withRedis(replica.port, async (redis) => {
    await eventually(async () => (await redis.info('replication')).includes('master_link_status:up'))
    await eventually(async () => (await redis.dbsize()) === KEYS.length)
    // What comes by a full synchronisation is new to a replica.
    await withRedis(master.port, (onMaster) => makeIdle(onMaster, KEYS))
    await eventually(async () => (await countIdle(redis, KEYS)) === KEYS.length)
    await createSweep(t, targetOf(master)).look()
    t.equal(await countIdle(redis, KEYS), 0)
  })
})

test('where the user may not touch, that is told', async (t) => {
  const server = await start(t)
  await withRedis(server.port, async (redis) => {
    await makeIdle(redis, KEYS)
    await redis.call('ACL', 'SETUSER', 'relay', 'on', '>pass', '~*', '+@all', '-touch')
    const { look, faults } = createSweep(t, targetOf(server, 'relay'))
    await look()
    t.same(faults, ['permission'])
    t.equal(await countIdle(redis, KEYS), KEYS.length)
  })
})

test('a store sweeps from its start to its close', async (t) => {
  const server = await start(t)
  const clock = createManualClock(0)
  const options = { target: targetOf(server), minReplicas: 0, wakeBits: 12 } as const
  const store = new RedisMailboxStore({ ...options, sweep: { clock, draw: () => 0 } })
  t.teardown(() => store.close())
  await withRedis(server.port, async (redis) => {
    await makeIdle(redis, KEYS)
    await new Promise<void>((resolve) => {
      const up = () => resolve()
      void store.start({ up, wake() {}, announced() {}, down() {}, replaced() {} })
    })
    clock.advance(1)
    await eventually(async () => (await countIdle(redis, KEYS)) === 0)
    await store.close()
    await makeIdle(redis, KEYS)
    await redis.config('RESETSTAT')
    clock.advance(TOUCH_PERIOD_SECONDS * 10_000)
    t.equal(await countIdle(redis, KEYS), KEYS.length)
    t.equal(await callsOf(redis, 'scan'), 0)
  })
})
