import { readFileSync } from 'node:fs'
import { canInstall, findProgram, installWithApt } from './apt.ts'

/** Programs that single tests need beside Redis, and Debian's packages that hold them. */
const PACKAGES = {
  haproxy: 'haproxy',
  nginx: 'nginx-light',
  caddy: 'caddy',
  tor: 'tor',
  kubectl: 'kubernetes-client',
  'systemd-analyze': 'systemd',
  openssl: 'openssl',
  ip: 'iproute2',
  nft: 'nftables',
} as const

export type ProgramName = keyof typeof PACKAGES

/** What a test says that needs a program which is not there. */
export function howToInstall(name: ProgramName): string {
  return `${name} is not on the PATH; on Debian: sudo apt-get install ${PACKAGES[name]}`
}

/**
 * Installs with apt-get what the tests of a run name in quotation marks and this machine lacks, where that can be done.
 * @param files the compiled tests of this run
 */
export function installPrograms(path: string, files: readonly string[]): void {
  if (!canInstall(path)) return
  const texts = files.map((file) => readFileSync(file, 'utf8'))
  for (const [name, debianPackage] of Object.entries(PACKAGES)) {
    const isNeeded = texts.some((text) => text.includes(`'${name}'`))
    if (isNeeded && findProgram(name, path) === undefined) installWithApt(debianPackage)
  }
}
