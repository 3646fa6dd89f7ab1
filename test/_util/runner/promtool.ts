import { readFileSync } from 'node:fs'
import { canInstall, findProgram, installWithApt } from './apt.ts'

/** What a test says that needs promtool or Prometheus where there is none. */
export const HOW_TO_INSTALL_PROMTOOL = `prometheus and promtool, which come together, are not on the PATH:
  Debian, Ubuntu   sudo apt-get install prometheus
  macOS            brew install prometheus
  others           https://prometheus.io/download/`

/**
 * Installs Prometheus, and promtool with it, with apt-get where one is missing, that can be done, and one of the tests
 * calls for it. Otherwise the test that needs it says so.
 * @param files the compiled tests of this run
 */
export function installPromtool(path: string, files: readonly string[]): void {
  const isThere = ['prometheus', 'promtool'].every((name) => findProgram(name, path) !== undefined)
  if (isThere || !canInstall(path)) return
  if (files.some((file) => /prometheus|promtool/i.test(readFileSync(file, 'utf8')))) installWithApt('prometheus', path)
}
