import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exited, killOnExit, terminate } from '../_util/child-process.ts'
import { eventually } from '../_util/wait.ts'
import type { OpenedFile } from './opened-files.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
/** Patience, for machines that do much else. */
const START_TIMEOUT_MS = 120_000
const STOP_GRACE_MS = 30_000
const RUN_MS = 5_000

/** Leaves no core dump, as `lethe audit` demands, and becomes node itself. */
const START = 'ulimit -c 0; exec "$0" "$@"'

/** A relay in folders of its own, of which everything can be seen from outside. */
export interface RelayProcess {
  readonly name: string
  readonly port: number
  readonly origin: string
  readonly adminUrl: string
  readonly pid: number
  /** Holds the folders that it works in, that are its home, and for temporary files. */
  readonly folder: string
  stdout(): Buffer
  stderr(): Buffer
  signal(signal: NodeJS.Signals): void
  /** Files that it opened to write, as far as it was started with what tells of them. */
  openedFiles(): readonly string[]
  /** To a module that was loaded into it before the relay itself. Resolves with its answer. */
  tell(message: object): Promise<unknown>
  /** Resolves when it has ended, with the exit code or the signal. */
  ended(): Promise<number | string | null>
  /** Ends it, if it still runs, and removes its folder. */
  remove(): Promise<void>
}

/** How a relay is started: with what environment, and with modules loaded into it first. */
export interface RelayOptions {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  /** Compiled files of this folder. */
  readonly preload?: readonly string[]
  /** Bytes by which its command line and its environment are longer than need be. */
  readonly spareBytes?: number
}

function preloadUrl(file: string): string {
  return new URL(`./${file}`, import.meta.url).href
}

async function createFolders(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lethe-relay-'))
  for (const name of ['work', 'home', 'tmp']) await mkdir(join(folder, name))
  return folder
}

/** Linux takes no longer argument. */
const LONGEST_ARGUMENT = 100_000

function launch(folder: string, { env, preload = [], spareBytes = 0 }: RelayOptions): ChildProcess {
  const { PATH = '' } = process.env
  const spare = Array<string>(Math.ceil(spareBytes / LONGEST_ARGUMENT)).fill('-'.repeat(LONGEST_ARGUMENT))
  const titles = spare.map((text) => `--title=${text}`)
  const node = [...titles, ...preload.flatMap((file) => ['--import', preloadUrl(file)]), CLI, 'serve']
  const child = spawn('/bin/sh', ['-c', START, process.execPath, ...node], {
    cwd: join(folder, 'work'),
    env: {
      ...{ PATH, HOME: join(folder, 'home'), TMPDIR: join(folder, 'tmp') },
      ...{ LETHE_HOST: '127.0.0.1', LETHE_PORT: '0', LETHE_ADMIN_PORT: '0', ...env },
      ...Object.fromEntries(spare.map((text, i) => [`SPARE_${i}`, text])),
    },
    stdio: ['ignore', 'pipe', 'pipe', ...(preload.length > 0 ? (['ipc'] as const) : [])],
  })
  killOnExit(child)
  return child
}

/** Runs a command of Lethe's in an environment of PATH and what is given, for 5 s at most, and gives what came of it. */
export async function runToEnd(args: readonly string[], env: Readonly<Record<string, string>>) {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [CLI, ...args], { env: { PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  killOnExit(child)
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const lastResort = setTimeout(() => child.kill('SIGKILL'), RUN_MS)
  await once(child, 'close')
  clearTimeout(lastResort)
  return { code: child.exitCode, stdout: Buffer.concat(out), stderr: Buffer.concat(err) }
}

/** The ports that a relay has logged. */
function portsIn(log: string): { port: number; adminPort: number } | undefined {
  const line = log.split('\n').find((text) => text.includes('"event":"listening"') && text.endsWith('}'))
  return line ? JSON.parse(line) : undefined
}

/** Starts a relay and resolves when it listens. The caller removes it, in a teardown. */
export async function startRelayProcess(options: RelayOptions): Promise<RelayProcess> {
  const folder = await createFolders()
  const child = launch(folder, options)
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk))
  const stderr = () => Buffer.concat(err)
  const opened = new Set<string>()
  let onAnswer: (answer: unknown) => void = () => {}
  child.on('message', (message: OpenedFile | string) => {
    if (typeof message === 'string') onAnswer(message)
    else opened.add(message.opened)
  })
  const listening = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return 'ended'
    return portsIn(stderr().toString('latin1'))
  }
  const ports = await eventually(listening, { timeoutMs: START_TIMEOUT_MS }).catch(async (error) => {
    await terminate(child, STOP_GRACE_MS)
    throw error
  })
  if (ports === 'ended') throw new Error(`relay ${options.name} ended before it listened:\n${stderr()}`)
  return {
    name: options.name,
    port: ports.port,
    origin: `http://127.0.0.1:${ports.port}`,
    adminUrl: `http://127.0.0.1:${ports.adminPort}`,
    pid: child.pid as number,
    folder,
    stdout: () => Buffer.concat(out),
    stderr,
    signal: (signal) => {
      child.kill(signal)
    },
    openedFiles: () => [...opened],
    tell: (message) =>
      new Promise((resolve, reject) => {
        onAnswer = resolve
        child.send(message, (error) => error && reject(error))
      }),
    ended: async () => {
      const code = await exited(child)
      return child.signalCode ?? code
    },
    remove: async () => {
      if (child.exitCode === null && child.signalCode === null) await terminate(child, STOP_GRACE_MS)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
