import { findProcess, locateFolder } from '../../src/store/redis/local-process.ts'
import { findFreePort } from '../_util/ports.ts'
import { startRedis } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'

test('a Redis on this machine is known by its number and its port', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  t.ok(await findProcess(redis.pid, redis.port))
  t.notOk(await findProcess(redis.pid, await findFreePort()), 'on another port it is another one')
  t.notOk(await findProcess(process.pid, redis.port), 'what is no Redis is none')
  t.notOk(await findProcess(2 ** 30, redis.port))
  t.notOk(await findProcess(Number.NaN, redis.port))
})

test('of a Redis on this machine the mounts tell where a folder lies', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const local = await findProcess(redis.pid, redis.port)
  t.equal(await locateFolder('/dev/shm', local), 'memory')
  t.equal(await locateFolder('/dev/shm/redis', local), 'memory')
  t.equal(await locateFolder('/proc/sys', local), 'disk', 'whatever is not memory counts as a disk')
  t.match(await local?.readCoreLimit(), /^(\d+|unlimited)$/)
})

test('of a Redis elsewhere only the name tells', async (t) => {
  t.equal(await locateFolder('/dev/shm', undefined), 'memory')
  t.equal(await locateFolder('/dev/shm/redis', undefined), 'memory')
  for (const path of ['/dev/shmoo', '/data', '/', '']) t.equal(await locateFolder(path, undefined), undefined, path)
})
