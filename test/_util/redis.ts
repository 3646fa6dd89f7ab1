import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exited, killOnExit, terminate } from './child-process.ts'
import { findFreePort } from './ports.ts'
import { redisCli } from './redis-cli.ts'
import { shippedSettings } from './shipped-redis.ts'

const READY = 'Ready to accept connections'
const PORT_TAKEN = /Address already in use|Failed listening on port/
const START_TIMEOUT_MS = 20_000
const STOP_GRACE_MS = 5_000
/** What a node of a cluster remembers of itself. */
export const CLUSTER_FILE = 'nodes.conf'

/** As it is shipped, since relays refuse another one, but for where it lives and how long it takes to end. */
const SETTINGS = { ...Object.fromEntries(shippedSettings()), bind: '127.0.0.1', 'shutdown-timeout': '0' }

/** A redis-server of its own, with the settings of deploy/redis/redis.conf, on 127.0.0.1. */
export interface RedisServer {
  readonly port: number
  /** `redis://127.0.0.1:PORT` */
  readonly url: string
  /** Process id; another one after `restart()`. */
  readonly pid: number
  /** Runs one command through redis-cli and gives what it prints, without the last newline. Rejects on an error reply. */
  cli(...args: readonly (string | Buffer)[]): Promise<string>
  /** As `cli`, but the bytes as they are; arguments may be bytes too. */
  cliBuffer(...args: readonly (string | Buffer)[]): Promise<Buffer>
  /** Ends the process in good order and removes its folder. May be called twice. */
  stop(): Promise<void>
  /** SIGKILL, as in a crash. The folder stays, `restart()` may follow. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open and nothing is answered. */
  pause(): void
  /** SIGCONT */
  resume(): void
  /** Comes back on the same port, empty; ends the process first where it still runs. */
  restart(): Promise<void>
}

/** What a new server may differ in. */
export interface RedisOptions {
  /** Further settings, as on redis-server's command line: `['--maxmemory', '10mb']`. */
  args?: readonly string[]
  /** A given port; without one a free one is chosen. */
  port?: number
  /** Set in its environment. */
  env?: Readonly<Record<string, string>>
  /** What `restart()` starts it with, in place of redis-server itself: it comes back without what it was in a cluster. */
  again?: Again
}

interface Again {
  /** Takes the arguments of redis-server. */
  readonly command?: string
  readonly env?: Readonly<Record<string, string>>
}

class PortTakenError extends Error {}

/** @param logFile where the server writes its log, if that is not its standard output */
function waitForReady(child: ChildProcess, logFile: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = ''
    const fail = (message: string) => {
      clearTimeout(timer)
      clearInterval(reading)
      const text = `redis-server ${message}:\n${output.slice(-2_000)}`
      reject(PORT_TAKEN.test(output) ? new PortTakenError(text) : new Error(text))
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(`was not ready within ${START_TIMEOUT_MS} ms`)
    }, START_TIMEOUT_MS)
    const onData = (chunk: string) => {
      output += chunk
      if (!output.includes(READY)) return
      clearTimeout(timer)
      clearInterval(reading)
      child.stdout?.off('data', onData).resume()
      child.stderr?.resume()
      resolve()
    }
    const reading = logFile
      ? setInterval(() => onData(existsSync(logFile) ? readFileSync(logFile, 'utf8') : ''), 25)
      : undefined
    child.stdout?.setEncoding('utf8').on('data', onData)
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
    child.once('error', (error) => fail(`could not be started: ${error.message}`))
    child.once('close', (code, signal) => fail(`ended before it was ready (${signal ?? code})`))
  })
}

async function launch(
  folder: string,
  port: number,
  args: readonly string[],
  { command = 'redis-server', env = {} }: Again = {},
): Promise<ChildProcess> {
  const settings = Object.entries({ ...SETTINGS, port: String(port), dir: folder })
  const commandLine = [...settings.flatMap(([name, value]) => [`--${name}`, value]), ...args]
  const child = spawn(command, commandLine, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  killOnExit(child)
  const at = args.indexOf('--logfile')
  await waitForReady(child, at < 0 ? undefined : args[at + 1])
  return child
}

async function launchOnFreePort(folder: string, args: readonly string[], how: Again): Promise<[ChildProcess, number]> {
  const bus = args.includes('--cluster-enabled')
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort({ bus })
    try {
      return [await launch(folder, port, args, how), port]
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === 5) throw error
    }
  }
}

/**
 * Starts a redis-server as a process of its own and resolves when it takes connections. The caller stops it, in a
 * teardown. Rejects with the server's own output when it does not start.
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { args = [], port: givenPort, env = {}, again } = options
  const folder = await mkdtemp(join(tmpdir(), 'lethe-redis-'))
  let child: ChildProcess
  let port: number
  try {
    if (givenPort === undefined) [child, port] = await launchOnFreePort(folder, args, { env })
    else [child, port] = [await launch(folder, givenPort, args, { env }), givenPort]
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }

  const end = async (): Promise<void> => {
    child.kill('SIGCONT') // a stopped process would not see SIGTERM
    await terminate(child, STOP_GRACE_MS)
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid as number
    },
    cli: async (...cliArgs) => (await redisCli(port, cliArgs)).toString('utf8'),
    cliBuffer: (...cliArgs) => redisCli(port, cliArgs),
    stop: async () => {
      await end()
      await rm(folder, { recursive: true, force: true })
    },
    kill: async () => {
      child.kill('SIGKILL')
      await exited(child)
    },
    pause: () => {
      child.kill('SIGSTOP')
    },
    resume: () => {
      child.kill('SIGCONT')
    },
    restart: async () => {
      await end()
      if (again) await rm(join(folder, CLUSTER_FILE), { force: true })
      child = await launch(folder, port, args, again ?? { env })
    },
  }
}

/** The Redis that the test runner started for the whole run. Tests share it: use names of your own, never FLUSHALL. */
export function sharedRedisUrl(): string {
  const url = process.env.LETHE_TEST_REDIS_URL
  if (!url)
    throw new Error('LETHE_TEST_REDIS_URL is not set: run tests with `npm test` or `node build/test/run.js FILE`')
  return url
}
