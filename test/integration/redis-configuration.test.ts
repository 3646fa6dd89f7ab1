import { readdirSync } from 'node:fs'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { shippedSettings } from '../_util/shipped-redis.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

/** Settings that say where a Redis of the tests lives, and are not the file's to choose here. */
const PLACE = new Set(['bind', 'port', 'dir'])

/** What Redis answers to CONFIG GET, where that is not the word in the file. */
const CANONICAL: Record<string, string> = { '256kb': '262144', '1gb': '1073741824' }

async function setting(redis: RedisServer, name: string): Promise<string> {
  const [, value = ''] = (await redis.cli('CONFIG', 'GET', name)).split('\n')
  return value
}

test('Redis starts with every setting of deploy/redis/redis.conf and takes each as it is written', async (t) => {
  const settings = shippedSettings().filter(([name]) => !PLACE.has(name))
  t.ok(settings.length > 25, 'the settings are found')
  const redis = await startRedis({ args: settings.flatMap(([name, value]) => [`--${name}`, value]) })
  t.teardown(() => redis.stop())
  for (const [name, value] of settings) t.equal(await setting(redis, name), CANONICAL[value] ?? value, name)
})

test('with it a full synchronisation, and a second one, leave no file on the master or the replica', async (t) => {
  const master = await startRedis()
  t.teardown(() => master.stop())
  await master.cli('SET', 'a', 'b')
  const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${master.port}`] })
  t.teardown(() => replica.stop())
  await eventually(async () => (await replica.cli('GET', 'a')) === 'b')
  await replica.cli('REPLICAOF', 'NO', 'ONE')
  await replica.cli('SET', 'a', 'c')
  await replica.cli('REPLICAOF', '127.0.0.1', String(master.port))
  await eventually(async () => (await replica.cli('GET', 'a')) === 'b')
  for (const redis of [master, replica]) t.same(readdirSync(await setting(redis, 'dir')), [])
})
