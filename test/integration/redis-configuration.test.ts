import { readdirSync, readFileSync } from 'node:fs'
import { type RedisServer, startRedis } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const FILE = new URL('../../../deploy/redis/redis.conf', import.meta.url)

/** Settings that say where a Redis of the tests lives, and are not the file's to choose here. */
const PLACE = new Set(['bind', 'port'])

/** What Redis answers to CONFIG GET, where that is not the word in the file. */
const CANONICAL: Record<string, string> = { '256kb': '262144', '1gb': '1073741824', '""': '' }

function readSettings(): [name: string, value: string][] {
  return readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): [string, string] => {
      const at = line.indexOf(' ')
      return [line.slice(0, at), line.slice(at + 1)]
    })
    .filter(([name]) => !PLACE.has(name))
}

function asArguments(settings: readonly [name: string, value: string][]): string[] {
  return settings.flatMap(([name, value]) => [`--${name}`, value === '""' ? '' : value])
}

async function setting(redis: RedisServer, name: string): Promise<string> {
  const [, value = ''] = (await redis.cli('CONFIG', 'GET', name)).split('\n')
  return value
}

test('Redis starts with every setting of deploy/redis/redis.conf and takes each as it is written', async (t) => {
  const settings = readSettings()
  const redis = await startRedis({ args: asArguments(settings) })
  t.teardown(() => redis.stop())
  for (const [name, value] of settings) t.equal(await setting(redis, name), CANONICAL[value] ?? value, name)
})

test('with it a full synchronisation, and a second one, leave no file on the master or the replica', async (t) => {
  const args = asArguments(readSettings())
  const master = await startRedis({ args })
  t.teardown(() => master.stop())
  await master.cli('SET', 'a', 'b')
  const replica = await startRedis({ args: [...args, '--replicaof', `127.0.0.1 ${master.port}`] })
  t.teardown(() => replica.stop())
  await eventually(async () => (await replica.cli('GET', 'a')) === 'b')
  await replica.cli('REPLICAOF', 'NO', 'ONE')
  await replica.cli('SET', 'a', 'c')
  await replica.cli('REPLICAOF', '127.0.0.1', String(master.port))
  await eventually(async () => (await replica.cli('GET', 'a')) === 'b')
  for (const redis of [master, replica]) t.same(readdirSync(await setting(redis, 'dir')), [])
})
