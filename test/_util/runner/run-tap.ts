import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ExitCode, exited } from '../child-process.ts'
import { TapReport, type TapTotals } from './tap-report.ts'

const LEFT_BEHIND_GRACE_MS = 2_000
const LAST_RESORT_MS = 10_000

const require = createRequire(import.meta.url)
const tapManifest = require.resolve('tap/package.json')
const tapCommand = join(dirname(tapManifest), require(tapManifest).bin.tap)

/** How a run of tap ended. */
export interface TapRun {
  code: ExitCode
  /** Undefined where tap ended without counting. */
  totals: TapTotals | undefined
  /** Command lines of processes that the tests did not end themselves. They are ended now. */
  leftBehind: string[]
}

/**
 * Has tap notice which of its plugins .taprc removes: tap builds itself once for each installation, and a run that
 * finds it unbuilt still loads the removed ones. Throws when that fails.
 */
export function buildTap(projectFolder: string): void {
  const stampFile = join(projectFolder, 'node_modules', '.cache', 'lethe-tap-plugins')
  const stamp = `tap ${require(tapManifest).version}\n${readFileSync(join(projectFolder, '.taprc'), 'utf8')}`
  try {
    if (readFileSync(stampFile, 'utf8') === stamp) return
  } catch {
    // a new node_modules
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [tapCommand, 'build'], {
    cwd: projectFolder,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`tap build failed (${status}):\n${stdout}${stderr}`)
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, stamp)
}

/** Command lines of the living processes of a group; empty where the system has no /proc. */
function processesOfGroup(group: number): string[] {
  let entries: string[]
  try {
    entries = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
  return entries.flatMap((pid) => {
    try {
      const [state, , groupId] = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')
      if (Number(groupId) !== group || state === 'Z') return []
      return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()}`]
    } catch {
      return [] // it has ended meanwhile
    }
  })
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal)
  } catch {
    // nobody is left in it
  }
}

async function endGroup(group: number): Promise<string[]> {
  const deadline = performance.now() + LEFT_BEHIND_GRACE_MS
  let left = processesOfGroup(group)
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(50)
    left = processesOfGroup(group)
  }
  signalGroup(group, 'SIGKILL')
  return left
}

/** A running tap and everything its tests start: one process group, so that nothing of it can stay. */
export class TapProcess {
  readonly #child: ChildProcess
  readonly #report: TapReport

  constructor(args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    this.#report = new TapReport((line) => process.stdout.write(`${line}\n`))
    this.#child = spawn(process.execPath, [tapCommand, 'run', '--reporter=tap', ...args], {
      ...options,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => this.#report.push(chunk))
  }

  /** Waits for the end of the run. */
  async finished(): Promise<TapRun> {
    const code = await exited(this.#child)
    const leftBehind = await endGroup(this.#child.pid as number)
    const stdout = this.#child.stdout
    if (stdout && !stdout.readableEnded) await new Promise((resolve) => stdout.once('close', resolve))
    return { code, totals: this.#report.end(), leftBehind }
  }

  /** Ends the run and everything in it: SIGTERM, then SIGKILL. */
  stop(): void {
    const group = this.#child.pid as number
    signalGroup(group, 'SIGTERM')
    setTimeout(() => signalGroup(group, 'SIGKILL'), LAST_RESORT_MS).unref()
  }
}
