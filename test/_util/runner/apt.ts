import { spawnSync } from 'node:child_process'
import { accessSync, constants, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What installing depends on beside the PATH. Tests of it have a machine of their own. */
export interface Machine {
  readonly isRoot: boolean
  /** Tells Debian's packages whether they may start their services. */
  readonly policyFile: string
  /** Where packages put programs on systems whose PATH leaves that folder out. */
  readonly usualFolders: readonly string[]
}

export const thisMachine: Machine = {
  isRoot: process.getuid?.() === 0,
  policyFile: '/usr/sbin/policy-rc.d',
  usualFolders: ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin', '/opt/homebrew/opt/redis/bin'],
}

/** Whether a path is a file that this process may run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Folder of the first program of that name on a PATH. */
export function findProgram(name: string, path: string): string | undefined {
  return path.split(delimiter).find((folder) => folder !== '' && isExecutable(join(folder, name)))
}

/** Whether packages can be installed with apt-get: it is there, and this is root. */
export function canInstall(path: string, { isRoot }: Machine = thisMachine): boolean {
  return isRoot && findProgram('apt-get', path) !== undefined
}

function aptGet(path: string, ...args: string[]): boolean {
  const env = { ...process.env, PATH: path, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const { status } = spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return status === 0
}

/** Installs Debian's package without letting it start its service. @returns whether that went well */
export function installWithApt(
  name: string,
  path = process.env.PATH ?? '',
  { policyFile }: Machine = thisMachine,
): boolean {
  process.stderr.write(`${name} is missing: installing it with apt-get\n`)
  let policyIsOurs = false
  try {
    writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' })
    policyIsOurs = true
  } catch {
    // there is a policy already, and it stands
  }
  try {
    // Without fresh lists the install can still work (a mirror in an image), so its result is the one that counts.
    aptGet(path, 'update')
    return aptGet(path, 'install', '-y', '--no-install-recommends', name)
  } finally {
    if (policyIsOurs) rmSync(policyFile, { force: true })
  }
}
