import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { howToInstall, type ProgramName } from '../_util/runner/programs.ts'
import type { Test } from '../_util/tap.ts'

/** Folder of the project. */
export const project = fileURLToPath(new URL('../../../', import.meta.url))

export interface Ended {
  readonly code: number | null
  /** What it wrote, standard error after standard output. */
  readonly text: string
  readonly stdout: string
}

/** Runs a program to its end. @throws Error that says how to install it, where it is missing */
export function runProgram(name: ProgramName | 'bash', args: readonly string[], cwd = project): Ended {
  const { error, status, stdout, stderr } = spawnSync(name, args, { cwd, encoding: 'utf8' })
  if (error) throw name === 'bash' ? error : new Error(howToInstall(name))
  return { code: status, text: stdout + stderr, stdout }
}

/** Runs the compiler in a folder, without what the test runner adds to every Node process: it does not bear that. */
export function runCompiler(args: readonly string[], cwd: string): Ended {
  const tsc = join(project, 'node_modules/.bin/tsc')
  return runProgram('bash', ['-c', 'unset NODE_OPTIONS; exec "$@"', 'bash', tsc, ...args], cwd)
}

/** A folder that is gone after the test. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-deploy-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A copy of deploy/ in a folder of its own, as it is in the repository. @returns its path */
export function copyOfDeploy(t: Test): string {
  const deploy = join(temporaryFolder(t), 'deploy')
  const made = ['secrets', '.env', 'secrets.part'].map((name) => join(project, 'deploy', name))
  cpSync(join(project, 'deploy'), deploy, { recursive: true, filter: (path) => !made.includes(path) })
  return deploy
}
