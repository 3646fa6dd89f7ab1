/** Builds unless the last build is newer than everything it is made from. */
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('../../', import.meta.url))
/** Written last by a build. */
const RESULT = 'build/src/version.json'
const SOURCES = ['src', 'test', 'ops/forensics', 'ops/load', 'tsconfig.json', 'package.json', 'ops/build/assets.mjs']

function newest(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
}

function isBuilt() {
  const result = statSync(join(project, RESULT), { throwIfNoEntry: false })
  return result !== undefined && SOURCES.every((source) => newest(join(project, source)) < result.mtimeMs)
}

if (!isBuilt())
  process.exitCode = spawnSync('npm', ['run', '--silent', 'build'], { cwd: project, stdio: 'inherit' }).status ?? 1
