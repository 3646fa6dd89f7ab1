import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { AUDIT_COMMANDS, RELAY_COMMANDS, SHRED_COMMANDS, TOPOLOGY_COMMANDS } from '../../src/store/redis/commands.ts'
import { RedisMailboxStore } from '../../src/store/redis/mailbox-store.ts'
import { startGuardedRedis } from '../_util/guarded-redis.ts'
import { test } from '../_util/tap.ts'
import { runContract } from './mailbox-store.ts'

const USERS = new URL('../../../deploy/redis/users.acl', import.meta.url)
const ALLOWED: readonly string[] = [...RELAY_COMMANDS, ...TOPOLOGY_COMMANDS, ...AUDIT_COMMANDS]
const OWN = 'lethe1:{000}:AAAAAAAAAAAAAAAAAAAAAA'
/** Commands that Redis lets everybody run, since they come before a user or instead of one. */
const BEFORE_LOGIN = ['auth', 'hello', 'quit', 'reset']

const OTHER_COMMANDS = [
  ...[
    'GET a',
    'SET a b',
    'KEYS *',
    'RANDOMKEY',
    'DUMP a',
    'RESTORE a 0 b',
    'COPY a b',
    'RENAME a b',
    'MIGRATE a b c d e',
  ],
  ...['FLUSHALL', 'FLUSHDB', 'SWAPDB 0 1', 'SELECT 1', 'SAVE', 'BGSAVE', 'BGREWRITEAOF', 'LASTSAVE', 'SHUTDOWN NOSAVE'],
  ...['CONFIG SET save 1', 'CONFIG REWRITE', 'CONFIG RESETSTAT', 'MODULE LIST', 'FUNCTION LIST'],
  ...[
    'MONITOR',
    'CLIENT KILL ID 1',
    'CLIENT TRACKING ON',
    'CLIENT NO-EVICT ON',
    'SLOWLOG GET',
    'LATENCY HISTORY command',
  ],
  ...[
    'ACL LIST',
    'ACL SETUSER eve',
    'ACL GETUSER lethe',
    'ACL DELUSER lethe',
    'ACL SAVE',
    'SCRIPT FLUSH',
    'SCRIPT LOAD a',
  ],
  ...['REPLICAOF NO ONE', 'PSYNC ? -1', 'SYNC', 'CLUSTER RESET', 'CLUSTER FAILOVER', 'FAILOVER', 'ROLE'],
  ...['SUBSCRIBE lethe1:{000}:w', 'PSUBSCRIBE lethe1:*', 'PUBLISH lethe1:{000}:w x', 'PUBSUB SHARDCHANNELS'],
  ...[`XREAD STREAMS ${OWN} 0`, `XGROUP CREATE ${OWN} g 0`, `XINFO GROUPS ${OWN}`, `XTRIM ${OWN} MAXLEN 0`],
  ...[`XSETID ${OWN} 0-1`, `EXPIRE ${OWN} 10`, `PERSIST ${OWN}`, `MEMORY USAGE ${OWN}`, `OBJECT FREQ ${OWN}`],
  ...[`UNLINK ${OWN}`, `TTL ${OWN}`],
]

const OTHER_KEYS = [
  ...['XADD a 0-1 e x', 'XRANGE lethe2:{000}:w - +', 'XLEN lethe', 'DEL lethe1', 'EXISTS lethe:1', 'TYPE user:1'],
  ...['XDEL LETHE1:{000} 0-1', 'EXPIREAT xlethe1:{000} 1', `EXISTS ${OWN} a`, 'TOUCH a', 'PEXPIRETIME lethe10:{000}'],
]

const OTHER_CHANNELS = ['SPUBLISH a x', 'SPUBLISH lethe2:{000}:w x', 'SSUBSCRIBE a', 'SSUBSCRIBE lethe1']

/** As COMMAND INFO gives it: name, number of words, and further on its subcommands. */
type CommandInfo = [name: string, arity: number, ...others: unknown[]]

// One Redis for all: every case works on queues of its own.
const redis = await startGuardedRedis()
const asRelay = (line: string) => redis.asRelay(...line.split(' '))

runContract("Redis as the relay's user", {
  create: () => ({
    open: () =>
      new RedisMailboxStore({
        target: {
          kind: 'node',
          hosts: [{ host: '127.0.0.1', port: redis.port }],
          tls: false,
          db: 0,
          username: 'lethe',
          password: { reveal: () => redis.password },
        },
        minReplicas: 0,
        wakeBits: 12,
      }),
  }),
  isShared: true,
})

/** Of each user of the file but `default`: its commands, and whatever else its line says. */
const USERS_EXPECTED: Readonly<Record<string, { commands: readonly string[]; others: readonly string[] }>> = {
  lethe: { commands: ALLOWED, others: ['~lethe1:*', '&lethe1:*'] },
  replica: { commands: ['ping', 'psync', 'replconf'], others: [] },
  sentinel: {
    commands: [
      ...['ping', 'info', 'role', 'publish', 'subscribe', 'multi', 'exec', 'slaveof', 'config|rewrite'],
      ...['client|setname', 'client|kill', 'script|kill'],
    ],
    others: ['&__sentinel__:hello'],
  },
  shred: { commands: SHRED_COMMANDS, others: ['~lethe1:*'] },
}

test('deploy/redis/users.acl allows each user what it needs, and nobody else anything', async (t) => {
  const text = readFileSync(USERS, 'utf8')
  const lines = text.trim().split('\n')
  t.equal(lines.shift(), 'user default off resetkeys resetchannels -@all')
  t.notMatch(text, /nopass|>|#/, 'nobody can log in before passwords are given')
  t.same(
    lines.map((line) => line.split(' ')[1]),
    Object.keys(USERS_EXPECTED),
  )
  for (const [, user = '', ...words] of lines.map((line) => line.split(' '))) {
    const { commands = [], others = [] } = USERS_EXPECTED[user] ?? {}
    const isCommand = (word: string) => word.startsWith('+')
    t.same(
      words.filter((word) => !isCommand(word)),
      ['on', 'resetkeys', 'resetchannels', '-@all', ...others],
      user,
    )
    t.same(words.filter(isCommand).sort(), commands.map((name) => `+${name}`).sort(), user)
  }
})

test('Redis refuses the relay other commands, keys and channels', async (t) => {
  for (const line of OTHER_COMMANDS) await t.rejects(asRelay(line), /NOPERM.*no permissions to run the/, line)
  for (const line of OTHER_KEYS) await t.rejects(asRelay(line), /NOPERM.*access the '.*' key|NOPERM.*keys/, line)
  for (const line of OTHER_CHANNELS) await t.rejects(asRelay(line), /NOPERM.*channel/, line)
  const script = 'return redis.call("XLEN", "a")'
  await t.rejects(redis.asRelay('EVAL', script, '0'), /can't access|NOPERM/, 'a key that a script makes up')
  await t.rejects(redis.asRelay('EVAL', 'return redis.call("GET", KEYS[1])', '1', OWN), /can't run|NOPERM/)
  await t.rejects(redis.cli('PING'), /NOAUTH/, 'and whoever has no password, everything')
})

test('of all commands that Redis has, each user may run those and no others', async (t) => {
  const admin = new Redis({ port: redis.port, username: 'admin', password: redis.password })
  t.teardown(() => admin.disconnect())
  const commands = ((await admin.call('COMMAND', 'INFO')) as CommandInfo[]).flatMap((command) => {
    const subcommands = command[9] as CommandInfo[]
    return subcommands.length > 0 ? subcommands : [command]
  })
  t.ok(commands.length > 300, 'the commands are found')
  for (const [user, expected] of Object.entries(USERS_EXPECTED)) {
    const allowed: string[] = []
    for (const [name, arity] of commands) {
      const words = name.split('|')
      while (words.length < Math.abs(arity)) words.push(OWN)
      const answer = await admin.call('ACL', 'DRYRUN', user, ...words)
      if (answer === 'OK' || !String(answer).includes('no permissions to run the')) allowed.push(name)
    }
    t.same(allowed.sort(), [...expected.commands, ...BEFORE_LOGIN].sort(), user)
  }
})

test('the user of lethe shred can read no envelope, and the user of replicas runs no command on one', async (t) => {
  const as = (user: string, line: string) =>
    redis.cli('--no-auth-warning', '--user', user, '--pass', redis.password, ...line.split(' '))
  for (const line of [`XRANGE ${OWN} - +`, `DUMP ${OWN}`, 'SCAN 0', 'CONFIG SET dir /', 'MONITOR', 'PSYNC ? -1'])
    await t.rejects(as('shred', line), /NOPERM/, line)
  await t.rejects(as('shred', 'DEL a'), /NOPERM.*key/)
  for (const line of [`XLEN ${OWN}`, 'INFO', 'SCAN 0', 'CONFIG GET save'])
    await t.rejects(as('replica', line), /NOPERM/)
})

test('that Redis ends when its tests have', async (t) => {
  await t.resolves(redis.stop())
})
