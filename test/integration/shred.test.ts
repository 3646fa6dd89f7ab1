import { randomBytes } from 'node:crypto'
import type { GuardedRedis } from '../_util/guarded-redis.ts'
import { findFreePort } from '../_util/ports.ts'
import { startRelay } from '../_util/relay.ts'
import { startSentinelGroup } from '../_util/sentinel.ts'
import { type Test, test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { follow } from './audit-cases.ts'
import { shippedRedis } from './audit-setup.ts'
import { createShell } from './cli-setup.ts'
import {
  type AskedRedis,
  backlogOf,
  deposit,
  hits,
  leaveEnvelopes,
  piecesOf,
  secretFiles,
  shred,
  snapshotOf,
  urlFile,
} from './shred-setup.ts'

const ENVELOPES = 12
/** Makes buckets like those of a relay, each with one envelope of random bytes. */
const FILL = `for i = 1, tonumber(ARGV[1]) do
  local bytes = {}
  for j = 1, 4028 do bytes[j] = string.char(math.random(0, 255)) end
  local name = 'lethe1:{fff}:'
  for j = 1, 22 do name = name .. string.char(math.random(97, 122)) end
  redis.call('XADD', name, '0-1', 'e', table.concat(bytes))
  redis.call('EXPIRE', name, 3600)
end`

function asked(redis: GuardedRedis): AskedRedis {
  const as = ['--no-auth-warning', '--user', 'admin', '--pass', redis.password]
  return { port: redis.port, ask: redis.admin, askBytes: (...args) => redis.cliBuffer(...as, ...args) }
}

function login({ password }: GuardedRedis): string {
  return `AUTH admin ${password}\r\n`
}

/** A Redis as it is shipped, with envelopes in it, and what `lethe shred` is run with. */
async function loaded(t: Test, replicas = 0) {
  const master = await shippedRedis(t)
  const nodes = [master]
  for (let i = 0; i < replicas; i++) nodes.push(await follow(t, master))
  const files = secretFiles(t)
  const env = { LETHE_REDIS_URL: master.relayUrl, ...files.env }
  await master.admin('EVAL', FILL, '0', String(ENVELOPES))
  if (replicas > 0) await master.admin('WAIT', String(replicas), '5000')
  const args = ['--redis-url-file', urlFile(t, master.urlOf('shred'))]
  return { master, nodes, files, env, args, secrets: [files.live(), files.readOnly()] }
}

test('on a master with replicas nothing is left: no key, no byte in a snapshot or backlog, no log, no secret', async (t) => {
  const { master, nodes, files, env, args, secrets } = await loaded(t, 2)
  await master.admin('CONFIG', 'SET', 'slowlog-max-len', '10', 'slowlog-log-slower-than', '0')
  await master.admin('-n', '5', 'SET', 'of-somebody-else', 'x')
  await master.admin('CONFIG', 'SET', 'slowlog-max-len', '10', 'slowlog-log-slower-than', '-1')
  const pieces = await piecesOf(asked(master))
  t.equal(pieces.length, 2 * ENVELOPES)
  for (const node of nodes) {
    t.equal(hits(pieces, await snapshotOf(t, asked(node))), pieces.length, 'a snapshot from before has all of it')
    t.equal(hits(pieces, await backlogOf(asked(node), login(node))), pieces.length, 'and so has the backlog')
  }
  const { code, report, stderr } = await shred(t, ['--yes', ...args], { env })
  t.same([code, stderr], [0, ''])
  t.equal(report.outcome, 'erased')
  t.same(report.left, [])
  t.same(report.nodes.map(({ address }) => address).sort(), nodes.map(({ port }) => `127.0.0.1:${port}`).sort())
  for (const { role, before, after } of report.nodes) {
    t.equal(before?.keys, ENVELOPES + 1, 'of every database')
    t.ok((before?.backlogBytes ?? 0) > ENVELOPES * 4000)
    t.equal((before?.logEntries ?? 0) > 0, role === 'master')
    t.same(after, { keys: 0, backlogBytes: 0, logEntries: 0, unfreedKeys: 0 })
  }
  for (const node of nodes) {
    t.equal((await node.admin('INFO', 'keyspace')).trim(), '# Keyspace')
    t.equal(hits(pieces, await snapshotOf(t, asked(node))), 0, 'a snapshot from now has nothing')
    t.equal(hits(pieces, await backlogOf(asked(node), login(node))), 0, 'nor has the backlog')
    t.equal(await node.admin('SLOWLOG', 'LEN'), '0')
  }
  t.equal(report.storeSecret, 'replaced')
  t.match(files.live(), /^[\w-]{43}\n$/)
  t.equal(files.readOnly(), '', 'there are no read-only secrets any more')
  t.notOk(secrets.includes(files.live()))

  const relay = await startRelay(env)
  t.teardown(() => relay.stop())
  await deposit(relay, 1)
  t.equal(await master.admin('DBSIZE'), '1', 'a relay starts on it, with the new secret')
})

test('while a relay is connected, or a node does not answer, nothing is changed', async (t) => {
  const { master, nodes, files, env, args, secrets } = await loaded(t, 1)
  const unchanged = async (what: string) => {
    t.equal(await master.admin('DBSIZE'), String(ENVELOPES), what)
    t.same([files.live(), files.readOnly()], secrets, what)
  }
  const relay = await startRelay(env)
  const refused = await shred(t, ['--yes', ...args], { env })
  t.equal(refused.code, 75)
  t.equal(refused.report.outcome, 'refused')
  t.match(refused.report.left, [/^127\.0\.0\.1:\d+: relays are connected.*: stop them first$/])
  t.same(
    refused.report.nodes.map(({ before }) => before?.keys),
    [ENVELOPES, ENVELOPES],
    'it says what is there',
  )
  await unchanged('a relay')
  await relay.stop()

  const replica = nodes[1] as GuardedRedis
  replica.pause()
  const silent = await shred(t, ['--yes', ...args], { env })
  t.equal(silent.code, 75)
  t.match(silent.report.left, [new RegExp(`^127.0.0.1:${replica.port} does not answer: .*--reachable-only`)])
  await unchanged('a silent replica')
  const partly = await shred(t, ['--yes', '--reachable-only', ...args], { env })
  t.equal(partly.code, 1, 'told to, it erases the rest, and says what is left to do')
  t.equal(partly.report.outcome, 'incomplete')
  t.match(partly.report.left, [new RegExp(`^127.0.0.1:${replica.port} was not erased: end it`)])
  t.equal(await master.admin('DBSIZE'), '0')
  replica.resume()
})

test('a replica that does not follow its master is not taken for erased', async (t) => {
  const { master, nodes, env } = await loaded(t, 1)
  const replica = nodes[1] as GuardedRedis
  await replica.admin('CONFIG', 'SET', 'masterauth', 'wrong')
  await master.admin('CLIENT', 'KILL', 'TYPE', 'replica')
  await master.admin('CONFIG', 'SET', 'repl-timeout', '5')
  const listed = ['--redis-url-file', urlFile(t, replica.urlOf('shred'))]
  const { code, report } = await shred(t, ['--yes', ...listed], { env })
  t.equal(code, 75)
  t.match(report.left, [new RegExp(`^127.0.0.1:${replica.port}: it is a replica and does not follow its master now`)])
  t.equal(report.nodes.length, 2, 'its master was found through it')
  const partly = await shred(t, ['--yes', '--reachable-only', ...listed], { env })
  t.equal(partly.code, 1)
  t.match(partly.report.left, [new RegExp(`^127.0.0.1:${replica.port}: it cannot be told what is left`)])
  t.equal(await master.admin('DBSIZE'), '0')
  t.equal(await replica.admin('DBSIZE'), String(ENVELOPES))
})

test('it asks, and takes one word for yes', async (t) => {
  const { master, env, args, files, secrets } = await loaded(t)
  for (const input of ['', 'yes\n']) {
    const { code, stdout, stderr } = await shred(t, args, { env, input })
    t.same([code, stdout], [75, ''], JSON.stringify(input))
    t.match(
      stderr,
      /12 keys\n {2}the secret in the file of LETHE_STORE_SECRET_FILE\n[\s\S]*Type erase to go on: \nnothing was changed\n$/,
    )
  }
  t.equal(await master.admin('DBSIZE'), String(ENVELOPES))
  t.equal(files.live(), secrets[0])
  const { code } = await shred(t, args, { env, input: 'erase\n' })
  t.equal(code, 0)
  t.equal(await master.admin('DBSIZE'), '0')
})

test('a relay that comes while the question stands open is seen', async (t) => {
  const { master, env, args, files, secrets } = await loaded(t)
  const { start } = await createShell(t)
  const { child, finished, stdout, stderr } = start(['shred', ...args], { env, isInputOpen: true })
  await eventually(() => stderr().includes('Type erase'))
  const relay = await startRelay(env)
  t.teardown(() => relay.stop())
  child.stdin?.end('erase\n')
  t.equal((await finished).code, 75)
  t.match(stdout(), /^Nothing was changed\.\n[\s\S]*Left to do:\n- 127/)
  t.equal(await master.admin('DBSIZE'), String(ENVELOPES))
  t.equal(files.live(), secrets[0])
})

test('a user that may not erase is told what it lacks, before anything is changed', async (t) => {
  const { master, env, files, secrets } = await loaded(t)
  const { code, report } = await shred(t, ['--yes'], { env })
  t.equal(code, 75)
  t.match(report.left, [/: this user may not run client\|id, expire, flushall, .*users\.acl calls shred$/])
  await master.admin('ACL', 'SETUSER', 'shred', '-flushall')
  const one = await shred(t, ['--yes', '--redis-url-file', urlFile(t, master.urlOf('shred'))], { env })
  t.match(one.report.left, [/: this user may not run flushall: /])
  const wrong = master.urlOf('shred').replace(master.password, 'wrong')
  const none = await shred(t, ['--yes', '--redis-url-file', urlFile(t, wrong)], { env })
  t.match(none.report.left, [/ refuses this user or password: /])
  t.equal(await master.admin('DBSIZE'), String(ENVELOPES))
  t.equal(files.live(), secrets[0])
})

test('a secret in a variable is left to the operator, and said to be', async (t) => {
  const { master, args } = await loaded(t)
  const env = { LETHE_REDIS_URL: master.relayUrl, LETHE_STORE_SECRET: randomBytes(32).toString('base64url') }
  const { code, report } = await shred(t, ['--yes', ...args], { env })
  t.equal(code, 75)
  t.match(report.left, [/^LETHE_STORE_SECRET is a variable, which cannot be replaced from here/])
  t.equal(await master.admin('DBSIZE'), String(ENVELOPES))
  const kept = await shred(t, ['--yes', '--keep-secret', ...args], { env })
  t.equal(kept.code, 1)
  t.equal(kept.report.storeSecret, 'not replaced')
  t.match(kept.report.left, [/^replace LETHE_STORE_SECRET on every relay/])
  t.equal(await master.admin('DBSIZE'), '0')
})

test('where Redis is set to write files, they are left to do', async (t) => {
  const { master, env, args } = await loaded(t)
  await master.admin('CONFIG', 'SET', 'save', '3600 1')
  const { code, report } = await shred(t, ['--yes', ...args], { env })
  await master.admin('CONFIG', 'SET', 'save', '')
  t.equal(code, 1)
  t.match(report.left, [/ is set to write files: end it, and delete what is in \//])
  t.equal(await master.admin('DBSIZE'), '0')
})

test('the master that Sentinels name, and its replicas', async (t) => {
  const group = await startSentinelGroup({ replicas: 1 })
  t.teardown(() => group.stop())
  const files = secretFiles(t)
  const env = { LETHE_REDIS_URL: group.url, ...files.env }
  await leaveEnvelopes(env, ENVELOPES)
  const nodes = group.nodes.map(({ port, cli, cliBuffer }) => ({ port, ask: cli, askBytes: cliBuffer }))
  const pieces = await piecesOf(nodes[0] as AskedRedis)
  const { code, report } = await shred(t, ['--yes'], { env })
  t.same([code, report.left, report.nodes.length], [0, [], 2])
  for (const node of nodes) {
    t.equal(await node.ask('DBSIZE'), '0')
    t.equal(hits(pieces, await snapshotOf(t, node)) + hits(pieces, await backlogOf(node)), 0)
  }
})

test('without Redis there is nothing to erase; where it does not answer, nothing is changed', async (t) => {
  const { code, stderr } = await shred(t, ['--yes'], { env: {} })
  t.equal(code, 78)
  t.match(stderr, 'LETHE_REDIS_URL is not set')
  const files = secretFiles(t)
  const before = files.live()
  const env = { LETHE_REDIS_URL: `redis://127.0.0.1:${await findFreePort()}`, ...files.env }
  const silent = await shred(t, ['--yes'], { env })
  t.equal(silent.code, 75)
  t.match(silent.report.left, [/ does not answer: /])
  const partly = await shred(t, ['--yes', '--reachable-only'], { env })
  t.match([partly.code, partly.report.left], [75, ['no master can be erased']])
  t.equal(files.live(), before)
})
