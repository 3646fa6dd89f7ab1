import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exited, killOnExit, terminate } from '../_util/child-process.ts'
import { findFreePort } from '../_util/ports.ts'
import { redisCli } from '../_util/redis-cli.ts'
import { shippedSettings } from '../_util/shipped-redis.ts'
import { eventually } from '../_util/wait.ts'

const STOP_GRACE_MS = 5_000
const RDB_FILE = 'forced.rdb'

/** A Redis with the settings of deploy/redis/redis.conf, whose log is kept and which can be made to write an RDB file. */
export interface RedisProcess {
  readonly port: number
  /** All it has written so far, also before a restart. */
  log(): Buffer
  /** Runs one command as the default user, who may do everything. */
  cli(...args: readonly string[]): Promise<string>
  /** The RDB file that SAVE makes. */
  save(): Promise<Buffer>
  /** SIGKILL, as in a crash. */
  kill(): Promise<void>
  /** Comes back on the same port, empty. */
  start(): Promise<void>
  /** Ends it and removes its folder. */
  remove(): Promise<void>
}

/** Nothing is compressed: otherwise a canary in hex could lie in a file and no search would see it. */
function commandLine(folder: string, port: number): string[] {
  const own = { bind: '127.0.0.1', port: String(port), dir: folder, dbfilename: RDB_FILE, rdbcompression: 'no' }
  const settings = Object.entries({ ...Object.fromEntries(shippedSettings()), ...own })
  return settings.flatMap(([name, value]) => [`--${name}`, value])
}

/** Starts one. The caller removes it, in a teardown. */
export async function startRedisProcess(): Promise<RedisProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'lethe-redis-'))
  const port = await findFreePort()
  const output: Buffer[] = []
  let child: ChildProcess
  const cli = async (...args: readonly string[]) => (await redisCli(port, args)).toString()
  const start = async (): Promise<void> => {
    child = spawn('redis-server', commandLine(folder, port), { stdio: ['ignore', 'pipe', 'pipe'] })
    killOnExit(child)
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => output.push(chunk))
    await eventually(async () => (await cli('PING')) === 'PONG')
  }
  await start()
  return {
    port,
    log: () => Buffer.concat(output),
    cli,
    start,
    save: async () => {
      await cli('SAVE')
      const bytes = await readFile(join(folder, RDB_FILE))
      await rm(join(folder, RDB_FILE))
      return bytes
    },
    kill: async () => {
      child.kill('SIGKILL')
      await exited(child)
    },
    remove: async () => {
      await terminate(child, STOP_GRACE_MS)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
