import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { exited, killOnExit, terminate } from './child-process.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const START_TIMEOUT_MS = 30_000
const STOP_GRACE_MS = 30_000

/** A relay that runs as a process of its own. */
export interface Relay {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** `ws://127.0.0.1:PORT` */
  readonly wsUrl: string
  /** The origin that signatures are bound to; the same as `url`. */
  readonly origin: string
  /** `http://127.0.0.1:PORT` of the admin listener. */
  readonly adminUrl: string
  readonly pid: number
  /** All it has written for people so far. */
  stdout(): string
  /** All it has logged so far: one JSON object a line. */
  stderr(): string
  /** SIGTERM, SIGKILL after 30 s; resolves with the exit code (null: a signal ended it). May be called twice. */
  stop(): Promise<number | null>
  /** SIGKILL, as in a crash. */
  kill(): Promise<void>
}

interface Listening {
  port: number
  adminPort: number
}

/** The `listening` event, where this log line is it. */
function parseListening(line: string): Listening | undefined {
  if (!line.includes('"listening"')) return undefined
  try {
    const { event, port, adminPort } = JSON.parse(line)
    return event === 'listening' && Number.isInteger(port) ? { port, adminPort } : undefined
  } catch {
    return undefined // not JSON: somebody else's warning
  }
}

function waitForListening(child: ChildProcess, output: () => string): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the relay was not listening within ${START_TIMEOUT_MS} ms:\n${output()}`))
    }, START_TIMEOUT_MS)
    let rest = ''
    child.stderr?.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      const listening = lines.map(parseListening).find((found) => found !== undefined)
      if (!listening) return
      clearTimeout(timer)
      resolve(listening)
    })
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(new Error(`the relay could not be started: ${error.message}`))
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      reject(new Error(`the relay ended before it was listening (${signal ?? code}):\n${output()}`))
    })
  })
}

/**
 * Starts `lethe serve` in an environment that holds PATH, HOME and what is given, on free ports, and resolves when it
 * listens. The caller stops it, in a teardown. Rejects with what it wrote when it ends before that.
 * @param nodeOptions for Node itself
 * @param program compiled main file of another build
 */
export async function startRelay(
  env: Readonly<Record<string, string>> = {},
  nodeOptions: readonly string[] = [],
  program = CLI,
): Promise<Relay> {
  const { PATH = '', HOME = '' } = process.env
  // The test runner loads itself into every process through NODE_OPTIONS, whatever `env` says; env(1) then becomes node.
  const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, ...nodeOptions, program, 'serve'], {
    env: { PATH, HOME, LETHE_HOST: '127.0.0.1', LETHE_PORT: '0', LETHE_ADMIN_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  killOnExit(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const { port, adminPort } = await waitForListening(child, () => stderr + stdout)
  const scheme = env.LETHE_TLS_CERT_FILE ? 's' : ''
  return {
    url: `http${scheme}://127.0.0.1:${port}`,
    wsUrl: `ws${scheme}://127.0.0.1:${port}`,
    origin: `http${scheme}://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    pid: child.pid as number,
    stdout: () => stdout,
    stderr: () => stderr,
    stop: () => terminate(child, STOP_GRACE_MS),
    kill: async () => {
      child.kill('SIGKILL')
      await exited(child)
    },
  }
}
