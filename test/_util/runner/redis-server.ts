import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { canInstall, findProgram, installWithApt, isExecutable, type Machine, thisMachine } from './apt.ts'

const LOWEST_MAJOR = 7

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

/** Every redis-server with a redis-cli beside it, in the order of the PATH. */
function installed(path: string, usualFolders: readonly string[]): Found[] {
  const folders = new Set([...path.split(delimiter).filter(Boolean), ...usualFolders])
  return [...folders].flatMap((folder) => {
    const server = join(folder, 'redis-server')
    if (!isExecutable(server) || !isExecutable(join(folder, 'redis-cli'))) return []
    const answer = spawnSync(server, ['--version'], { encoding: 'utf8' }).stdout ?? ''
    const version = /v=(\d+)\.[\d.]+/.exec(answer)
    return version ? [{ folder, version: version[0].slice(2), major: Number(version[1]) }] : []
  })
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
export function pathWithRedis(path: string, machine: Machine = thisMachine): string {
  const choose = (found: readonly Found[]) => found.find(({ major }) => major >= LOWEST_MAJOR)
  let found = installed(path, machine.usualFolders)
  let chosen = choose(found)
  const mayInstall = canInstall(path, machine)
  if (!chosen && mayInstall) {
    installWithApt('redis-server', path, machine)
    found = installed(path, machine.usualFolders)
    chosen = choose(found)
  }
  if (!chosen) throw new RedisMissingError(complaint(found, mayInstall))
  return findProgram('redis-server', path) === chosen.folder ? path : [chosen.folder, path].join(delimiter)
}
