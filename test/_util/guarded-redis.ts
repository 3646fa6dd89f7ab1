import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RedisOptions, type RedisServer, startRedis } from './redis.ts'

const USERS = new URL('../../../deploy/redis/users.acl', import.meta.url)

/** On Linux always in memory, as deploy/redis/redis.conf has it. */
const MEMORY = '/dev/shm'

/** A Redis with the settings and the users of deploy/redis, and its folder in memory. */
export interface GuardedRedis extends RedisServer {
  /** Password of every user: `lethe` is the relay's, `replica` the replicas'. */
  readonly password: string
  /** `redis://lethe:PASSWORD@127.0.0.1:PORT` */
  readonly relayUrl: string
  /** The same for another user: `shred`. */
  urlOf(user: string): string
  /** Runs one command as somebody who may do everything; the shipped users have nobody like that. */
  admin(...args: readonly (string | Buffer)[]): Promise<string>
  /** Runs one command as the relay's user. */
  asRelay(...args: readonly (string | Buffer)[]): Promise<string>
}

export interface GuardedRedisOptions extends RedisOptions {
  /** Of all users; without one, one is made up. */
  password?: string
  /** Another Redis that it is to be a replica of. */
  master?: GuardedRedis
}

/** Starts one. The caller stops it, in a teardown. */
export async function startGuardedRedis({
  args = [],
  port,
  master,
  password = master?.password ?? randomBytes(12).toString('hex'),
}: GuardedRedisOptions = {}): Promise<GuardedRedis> {
  const following = master
    ? ['--replicaof', `127.0.0.1 ${master.port}`, '--masteruser', 'replica', '--masterauth', master.password]
    : []
  const folder = await mkdtemp(join(tmpdir(), 'lethe-users-'))
  const memory = await mkdtemp(join(MEMORY, 'lethe-redis-'))
  const remove = async () => {
    for (const path of [folder, memory]) await rm(path, { recursive: true, force: true })
  }
  try {
    const users = join(folder, 'users.acl')
    await writeFile(users, await usersWith(password))
    const redis = await startRedis({
      ...(port === undefined ? {} : { port }),
      args: ['--aclfile', users, '--dir', memory, ...following, ...args],
    })
    const urlOf = (user: string) => `redis://${user}:${password}@127.0.0.1:${redis.port}`
    const as = (user: string) => ['--no-auth-warning', '--user', user, '--pass', password]
    return {
      ...redis,
      get pid() {
        return redis.pid
      },
      password,
      relayUrl: urlOf('lethe'),
      urlOf,
      admin: (...command) => redis.cli(...as('admin'), ...command),
      asRelay: (...command) => redis.cli(...as('lethe'), ...command),
      stop: async () => {
        await redis.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

async function usersWith(password: string): Promise<string> {
  const shipped = await readFile(USERS, 'utf8')
  return `${shipped.replace(/^user \w+ on /gm, `$&>${password} `)}user admin on >${password} ~* &* +@all\n`
}
