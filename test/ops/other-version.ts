import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from '../_util/tap.ts'

const project = fileURLToPath(new URL('../../../', import.meta.url))

/** This build once more, under another version. It is gone after the test. @returns its main file */
export function buildOtherVersion(t: Test): string {
  const folder = join(project, 'node_modules/.cache', `lethe-other-version-${process.pid}`)
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(folder, { recursive: true })
  cpSync(join(project, 'build/src'), join(folder, 'build/src'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const file = join(folder, 'build/src/version.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version: '99.0.0' }))
  return join(folder, 'build/src/cli/main.js')
}
