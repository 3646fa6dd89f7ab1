import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ExitCode, exited, killOnExit } from '../_util/child-process.ts'
import type { Test } from '../_util/tap.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** How a command is run. */
export interface RunOptions {
  /** Everything it can read from standard input; without it, standard input is empty. */
  input?: string | Uint8Array
  /** Whether standard input stays open: what it reads, and when it ends, is up to the test. */
  isInputOpen?: boolean
  env?: Readonly<Record<string, string>>
}

/** A finished command. */
export interface Finished {
  readonly code: ExitCode
  readonly stdout: string
  /** Standard output as it was, for what is not text. */
  readonly bytes: Buffer
  readonly stderr: string
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess
  stdout(): string
  stderr(): string
  /** Resolves when it has ended. */
  readonly finished: Promise<Finished>
}

/** A home folder of its own, and the command in it. Environment: PATH, HOME and what is given. */
export interface Shell {
  readonly home: string
  start(args: readonly string[], options?: RunOptions): Running
  lethe(args: readonly string[], options?: RunOptions): Promise<Finished>
}

export async function createShell(t: Test): Promise<Shell> {
  const home = await mkdtemp(join(tmpdir(), 'lethe-cli-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  const start = (args: readonly string[], { input = '', isInputOpen = false, env = {} }: RunOptions = {}): Running => {
    // The test runner gets into every Node by its options, which makes each of these processes start much slower.
    const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, CLI, ...args], {
      cwd: home,
      env: { PATH: process.env.PATH ?? '', HOME: home, ...env },
    })
    killOnExit(child)
    const output: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    child.stdin.on('error', () => undefined) // it need not read what it is given
    if (!isInputOpen) child.stdin.end(input)
    const stdout = () => Buffer.concat(output).toString('utf8')
    const finish = async (): Promise<Finished> => {
      const closed = new Promise((resolve) => child.once('close', resolve))
      const code = await exited(child)
      await closed
      return { code, stdout: stdout(), bytes: Buffer.concat(output), stderr }
    }
    return { child, stdout, stderr: () => stderr, finished: finish() }
  }
  return { home, start, lethe: (args, options) => start(args, options).finished }
}

/** Makes the default mailbox and gives its address. */
export async function makeMailbox(shell: Shell): Promise<string> {
  return (await shell.lethe(['mailbox', 'new'])).stdout.trim()
}
