/**
 * Writes build/src/version.json, and copies what the compiler does not: the Redis scripts and what src/page serves as it
 * is, each to the same place under build, and the profiles of `lethe load`, since ops is not shipped. Copies of files that
 * are gone are removed.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ASSETS = [
  { folder: 'src/store/redis/scripts', extensions: /\.lua$/ },
  { folder: 'src/page', extensions: /\.(html|css|js|mjs|svg|png|ico|txt|webmanifest)$/ },
  { folder: 'ops/load', extensions: /\.json$/, target: 'build/src/load/profiles' },
]
/** What the compiler writes to the same place, and what therefore stays. */
const COMPILED = /\.(js|js\.map|d\.ts)$/

const project = fileURLToPath(new URL('../../', import.meta.url))

function filesOf(folder) {
  try {
    return readdirSync(join(project, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(project, folder).length + 1))
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

for (const { folder, extensions, target = join('build', folder) } of ASSETS) {
  const assets = filesOf(folder).filter((name) => extensions.test(name))
  for (const name of filesOf(target)) {
    if (extensions.test(name) && !COMPILED.test(name) && !assets.includes(name)) rmSync(join(project, target, name))
  }
  for (const name of assets) {
    const to = join(project, target, name)
    mkdirSync(dirname(to), { recursive: true })
    cpSync(join(project, folder, name), to)
  }
}

/** Commit that is built: as the caller of the build says, else as git does, else unknown. */
function commitOf() {
  if (process.env.SOURCE_COMMIT) return process.env.SOURCE_COMMIT
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: project, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  } catch {
    return null
  }
}

const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
mkdirSync(join(project, 'build/src'), { recursive: true })
writeFileSync(join(project, 'build/src/version.json'), `${JSON.stringify({ version, commit: commitOf() })}\n`)
