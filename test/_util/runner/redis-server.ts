import { spawnSync } from 'node:child_process'
import { accessSync, constants, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const LOWEST_MAJOR = 7

/** Where packages put redis-server on systems whose PATH leaves that folder out. */
const USUAL_FOLDERS = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin', '/opt/homebrew/opt/redis/bin']

const POLICY_FILE = '/usr/sbin/policy-rc.d'

const HOW_TO_INSTALL = `The tests need redis-server and redis-cli, version ${LOWEST_MAJOR}.0 or later, on the PATH:
  Debian, Ubuntu   sudo apt-get install redis-server
  Fedora           sudo dnf install redis
  Alpine           sudo apk add redis
  macOS            brew install redis
Then run them again. They start and stop a Redis of their own; no running service is needed.`

/** No usable Redis, and no way to install one; the message says what to do. */
export class RedisMissingError extends Error {}

interface Found {
  folder: string
  version: string
  major: number
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Every redis-server with a redis-cli beside it, in the order of the PATH. */
function installed(path: string): Found[] {
  const folders = new Set([...path.split(delimiter).filter(Boolean), ...USUAL_FOLDERS])
  return [...folders].flatMap((folder) => {
    const server = join(folder, 'redis-server')
    if (!isExecutable(server) || !isExecutable(join(folder, 'redis-cli'))) return []
    const answer = spawnSync(server, ['--version'], { encoding: 'utf8' }).stdout ?? ''
    const version = /v=(\d+)\.[\d.]+/.exec(answer)
    return version ? [{ folder, version: version[0].slice(2), major: Number(version[1]) }] : []
  })
}

function aptGet(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const { status } = spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return status === 0
}

/** Installs Debian's package without letting it start its service. */
function installWithApt(): boolean {
  process.stderr.write('redis-server is missing: installing it with apt-get\n')
  let policyIsOurs = false
  try {
    writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' })
    policyIsOurs = true
  } catch {
    // there is a policy already, and it stands
  }
  try {
    // Without fresh lists the install can still work (a mirror in an image), so its result is the one that counts.
    aptGet('update')
    return aptGet('install', '-y', '--no-install-recommends', 'redis-server')
  } finally {
    if (policyIsOurs) rmSync(POLICY_FILE, { force: true })
  }
}

function complaint(seen: readonly Found[], triedApt: boolean): string {
  const old = seen[0] ? `redis-server ${seen[0].version} in ${seen[0].folder} is too old.\n` : ''
  const apt = triedApt ? 'apt-get could not install a redis-server that is new enough (its messages are above).\n' : ''
  return old + apt + HOW_TO_INSTALL
}

/**
 * Gives a PATH whose first redis-server is 7.0 or later. Where there is none, installs it with apt-get if that can be
 * done (root, and apt-get there); otherwise throws RedisMissingError.
 */
export function pathWithRedis(path: string): string {
  const choose = (found: readonly Found[]) => found.find(({ major }) => major >= LOWEST_MAJOR)
  let found = installed(path)
  let chosen = choose(found)
  const canInstall = process.getuid?.() === 0 && path.split(delimiter).some((dir) => isExecutable(join(dir, 'apt-get')))
  if (!chosen && canInstall) {
    installWithApt()
    found = installed(path)
    chosen = choose(found)
  }
  if (!chosen) throw new RedisMissingError(complaint(found, canInstall))
  const first = path.split(delimiter).find((folder) => isExecutable(join(folder, 'redis-server')))
  return first === chosen.folder ? path : [chosen.folder, path].join(delimiter)
}
