import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readProcessFacts } from '../../src/cli/process-facts.ts'
import { loadConfig } from '../../src/config/config.ts'
import { audit } from '../../src/disclosure/audit.ts'
import { exited, killOnExit } from '../_util/child-process.ts'
import type { Test } from '../_util/tap.ts'
import { type AuditCase, added, type Env, type Findings, findingsIn } from './audit-setup.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** What the shell sets for the process before it starts. */
export const NO_CORES = 'ulimit -S -c 0'

/** For each row about the process, an environment in which it finds something. The embedded store needs no Redis. */
export const PROCESS_CASES = {
  inspector: inEnvironment({ NODE_OPTIONS: '--inspect=127.0.0.1:0' }),
  'diagnostic-report': inEnvironment({ NODE_OPTIONS: '--report_on_signal' }),
  'heap-snapshot': inEnvironment({ NODE_OPTIONS: '--max-http-header-size=8000 --heapsnapshot-signal=SIGUSR2' }),
  'debug-output': inEnvironment({ NODE_DEBUG: 'http' }),
  'core-dumps': inEnvironment({}, 'ulimit -S -c 1'),
  'log-level': inEnvironment({ LETHE_LOG_LEVEL: 'debug' }),
  'public-origin': inEnvironment({ LETHE_PUBLIC_ORIGIN: 'http://relay.example,https://relay.example' }),
  swap: swapping,
} as const satisfies Record<string, AuditCase>

/** A finished `lethe audit`. */
export interface AuditRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `lethe audit` as a process of its own, in an environment that holds PATH and what is given. */
export async function runAuditCommand(args: readonly string[], env: Env, before = NO_CORES): Promise<AuditRun> {
  const child = spawn('sh', ['-c', `${before} && exec "$0" "$@"`, process.execPath, CLI, 'audit', ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  killOnExit(child)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const closed = new Promise((resolve) => child.once('close', resolve))
  const code = await exited(child)
  await closed
  return { code, ...output }
}

export async function processFindings(env: Env, before?: string): Promise<Findings> {
  return findingsIn(JSON.parse((await runAuditCommand(['--json'], env, before)).stdout))
}

function inEnvironment(env: Env, before?: string): AuditCase {
  return async () => added(await processFindings({}), await processFindings(env, before))
}

/** What this machine says of itself is put in folders of the test's, since it cannot be made to swap. */
async function swapping(t: Test): Promise<string[]> {
  const head = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'
  const inMemory = `${head}/dev/zram0                              partition\t4194300\t\t0\t\t100\n`
  const onDisk = `${head}/dev/sda2                               partition\t4194300\t\t12\t\t-2\n`
  const find = async (swaps: string | undefined, bound = 'max') => {
    const folder = mkdtempSync(join(tmpdir(), 'lethe-proc-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, 'self'))
    mkdirSync(join(folder, 'groups', 'some', 'service'), { recursive: true })
    writeFileSync(
      join(folder, 'self', 'limits'),
      'Max core file size        0                    0                    bytes\n',
    )
    writeFileSync(join(folder, 'self', 'cgroup'), '0::/some/service\n')
    writeFileSync(join(folder, 'groups', 'some', 'memory.swap.max'), `${bound}\n`)
    if (swaps !== undefined) writeFileSync(join(folder, 'swaps'), swaps)
    const process = await readProcessFacts(loadConfig({}), folder, join(folder, 'groups'))
    const none = { nodes: [], storeHosts: [], isStoreTls: false, publicOrigins: [] }
    return findingsIn(audit({ ...none, process, isLoopback: () => true }))
  }
  const before = await find(inMemory)
  t.same(added(before, await find(onDisk, '0')), [], 'a group that may not swap does not')
  t.same(added(before, await find(undefined)), ['swap'], 'what cannot be told counts as unsafe')
  return added(before, await find(onDisk))
}
