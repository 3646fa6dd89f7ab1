import { canInstall, findProgram, installWithApt } from '../../test/_util/runner/apt.ts'
import { pathWithRedis } from '../../test/_util/runner/redis-server.ts'
import { canPin } from './processes.ts'
import type { System } from './systems.ts'

/**
 * Sees to it that the programs of these systems are there: from Debian's packages, which are installed where that can be
 * done. Throws with the name of the package otherwise. Changes PATH, where daemons are not on it.
 */
export function requirePrograms(systems: readonly System[]): void {
  const path = `${process.env.PATH}:/usr/sbin`
  process.env.PATH = path
  const packages = new Set(systems.flatMap(({ debianPackage }) => (debianPackage ? [debianPackage] : [])))
  if (packages.delete('redis-server')) process.env.PATH = pathWithRedis(path)
  for (const name of packages) {
    if (findProgram(name, path) !== undefined) continue
    if (!canInstall(path) || !installWithApt(name)) {
      throw new Error(`${name} is not on the PATH: sudo apt-get install ${name}, or leave it out with --only`)
    }
  }
  if (canPin && findProgram('taskset', path) === undefined) {
    throw new Error('taskset is not on the PATH: sudo apt-get install util-linux')
  }
}
