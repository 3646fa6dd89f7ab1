import { startCluster } from '../_util/cluster.ts'
import { startRelay } from '../_util/relay.ts'
import { test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import {
  backlogOf,
  deposit,
  hits,
  leaveEnvelopes,
  piecesOf,
  secretFiles,
  shred,
  snapshotOf,
  urlFile,
} from '../integration/shred-setup.ts'
import { restrict } from './restrict.ts'

const ENVELOPES = 60

test('lethe shred leaves nothing on any node of a Cluster, as the user of deploy/redis/users.acl', async (t) => {
  const cluster = await startCluster({ masters: 3, replicas: 3 })
  t.teardown(() => cluster.stop())
  const password = 'of-this-test'
  for (const node of cluster.nodes) await restrict(node, password)
  const urlOf = (user: string) => cluster.url.replace('//', `//${user}:${password}@`)
  const files = secretFiles(t)
  const env = { LETHE_REDIS_URL: urlOf('lethe'), LETHE_REDIS_MIN_REPLICAS: '1', ...files.env }
  await leaveEnvelopes(env, ENVELOPES)
  const as = ['--no-auth-warning', '--user', 'admin', '--pass', password]
  const nodes = cluster.nodes.map(({ port, cli, cliBuffer }) => ({
    port,
    ask: (...args: readonly string[]) => cli(...as, ...args),
    askBytes: (...args: readonly string[]) => cliBuffer(...as, ...args),
  }))
  const pieces = (await Promise.all(nodes.slice(0, 3).map(piecesOf))).flat()
  t.equal(pieces.length, 2 * ENVELOPES)
  const secret = files.live()
  const args = ['--yes', '--redis-url-file', urlFile(t, urlOf('shred'))]

  const relay = await startRelay(env)
  await deposit(relay, 1)
  const refused = await shred(t, args, { env })
  t.equal(refused.code, 75)
  t.ok(refused.report.left.length >= 3, 'the relay is seen on every master')
  await relay.stop()
  t.equal(files.live(), secret)

  const { code, report } = await shred(t, args, { env })
  t.same([code, report.left, report.nodes.length], [0, [], 6])
  const before = report.nodes.map((node) => node.before?.keys ?? 0)
  t.equal(
    before.reduce((sum, keys) => sum + keys, 0),
    2 * (ENVELOPES + 1),
    'masters and replicas',
  )
  for (const { after } of report.nodes) t.same(after, { keys: 0, backlogBytes: 0, logEntries: 0, unfreedKeys: 0 })
  for (const node of nodes) {
    t.equal(await node.ask('DBSIZE'), '0')
    t.equal(hits(pieces, await snapshotOf(t, node)), 0, 'no snapshot')
    t.equal(hits(pieces, await backlogOf(node, `AUTH admin ${password}\r\n`)), 0, 'no backlog')
  }
  t.not(files.live(), secret)

  const [, , , replica] = cluster.nodes
  await replica?.stop()
  await eventually(async () => (await shred(t, args, { env })).code === 75, { timeoutMs: 20_000, intervalMs: 500 })
  const { report: last } = await shred(t, args, { env })
  t.match(last.left, [new RegExp(`^127.0.0.1:${replica?.port} does not answer: `)])
})
