import { readFileSync } from 'node:fs'
import { canInstall, findProgram, installWithApt } from './apt.ts'

/** What a test says that needs promtool where there is none. */
export const HOW_TO_INSTALL_PROMTOOL = `promtool is not on the PATH; it comes with Prometheus:
  Debian, Ubuntu   sudo apt-get install prometheus
  macOS            brew install prometheus
  others           https://prometheus.io/download/`

/**
 * Installs promtool with apt-get where it is missing, that can be done, and one of the tests calls for it. Otherwise the
 * test that needs it says so.
 * @param files the compiled tests of this run
 */
export function installPromtool(path: string, files: readonly string[]): void {
  if (findProgram('promtool', path) !== undefined || !canInstall(path)) return
  if (files.some((file) => readFileSync(file, 'utf8').includes('promtool'))) installWithApt('prometheus', path)
}
