import { execFile } from 'node:child_process'
import { createConnection } from 'node:net'
import { promisify } from 'node:util'
import { startCluster } from '../_util/cluster.ts'
import { startRedis } from '../_util/redis.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'

const run = promisify(execFile)

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a Redis of the tests takes any bytes and gives them back', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const bytes = Buffer.from([0, 255, 10, 34, 92, 10])
  t.equal(await redis.cli('SET', bytes, bytes), 'OK')
  t.same(await redis.cliBuffer('GET', bytes), bytes)
  t.equal(await redis.cli('DBSIZE'), '1')
  await t.rejects(redis.cli('LPUSH', bytes, 'x'), /WRONGTYPE/, 'an error reply is an error')
})

test('it keeps nothing on disk and one entry in a stream node', async (t) => {
  const redis = await startRedis({ args: ['--maxmemory', '12mb'] })
  t.teardown(() => redis.stop())
  t.match(await redis.cli('CONFIG', 'GET', 'stream-node-max-entries'), /\n1$/)
  t.match(await redis.cli('CONFIG', 'GET', 'maxmemory'), /\n12582912$/, 'a setting given by the test counts')
  await redis.cli('SET', 'a', 'b')
  await redis.restart()
  t.equal(await redis.cli('DBSIZE'), '0')
})

test('it comes back on its port after a crash, and is gone after stop', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const first = redis.pid
  await redis.kill()
  t.notOk(isAlive(first))
  await t.rejects(redis.cli('PING'), /Connection refused/)
  await redis.restart()
  t.not(redis.pid, first)
  t.equal(await redis.cli('PING'), 'PONG')
  const folder = (await redis.cli('CONFIG', 'GET', 'dir')).split('\n')[1] as string
  await redis.stop()
  t.notOk(isAlive(redis.pid))
  await t.rejects(run('ls', [folder]), /No such file/)
  await redis.stop()
})

test('paused it takes connections and answers nothing until it is resumed', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  redis.pause()
  const socket = createConnection(redis.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let heard = ''
  socket.on('data', (chunk) => {
    heard += chunk
  })
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write('PING\r\n')
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.equal(heard, '')
  redis.resume()
  await eventually(() => heard === '+PONG\r\n')
})

test('a server that refuses its settings says so', async (t) => {
  await t.rejects(startRedis({ args: ['--no-such-setting', '1'] }), /Bad directive/)
})

test('two servers started at once get different ports', async (t) => {
  const servers = await Promise.all([startRedis(), startRedis(), startRedis()])
  t.teardown(() => Promise.all(servers.map((server) => server.stop())))
  t.equal(new Set(servers.map((server) => server.port)).size, 3)
})

test('a cluster of three masters and three replicas is whole, and is gone after stop', async (t) => {
  const cluster = await startCluster({ masters: 3, replicas: 3 })
  t.teardown(() => cluster.stop())
  t.equal(cluster.nodes.length, 6)
  const [first] = cluster.nodes
  t.match(await first?.cli('-c', 'SET', 'a', '1'), 'OK')
  t.match(cluster.url, /^redis\+cluster:\/\/127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/)
  const roles = await Promise.all(cluster.nodes.map((node) => node.cli('ROLE')))
  t.same(
    roles.map((role) => role.split('\n')[0]),
    ['master', 'master', 'master', 'slave', 'slave', 'slave'],
  )
  await cluster.stop()
  t.same(
    cluster.nodes.filter((node) => isAlive(node.pid)),
    [],
  )
})
