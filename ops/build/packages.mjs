import { readFileSync } from 'node:fs'

const read = (name) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'))

export const manifest = read('package.json')
export const lock = read('package-lock.json')

const FOLDER = 'node_modules/'

const nameOf = (path) => path.slice(path.lastIndexOf(FOLDER) + FOLDER.length)

/** Where Node finds the package `name` from the package at `path` (empty: the project itself). */
function resolve(name, path) {
  for (let from = path; ; from = from.slice(0, Math.max(0, from.lastIndexOf(`/${FOLDER}`)))) {
    const found = `${from === '' ? '' : `${from}/`}${FOLDER}${name}`
    if (found in lock.packages) return found
    if (from === '') return undefined
  }
}

function neededBy(entry) {
  return Object.keys({ ...entry.dependencies, ...entry.optionalDependencies, ...entry.peerDependencies })
}

/**
 * Packages that run beside Lethe in production: what package.json has under `dependencies`, and what they need in turn.
 * By their place in node_modules: name, version, licence, and the names of those that need it, Lethe's own first.
 */
export function productionPackages() {
  const found = new Map()
  const visit = (path, by) => {
    const known = found.get(path)
    if (known) return known.by.add(by)
    const { version, license } = lock.packages[path]
    found.set(path, { path, name: nameOf(path), version, license, by: new Set([by]) })
    for (const name of neededBy(lock.packages[path])) {
      const next = resolve(name, path)
      if (next) visit(next, nameOf(path))
    }
  }
  for (const name of Object.keys(manifest.dependencies)) visit(resolve(name, ''), manifest.name)
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Number of packages that are installed to build and to test, and not to run. */
export function developmentCount() {
  return Object.keys(lock.packages).length - 1 - productionPackages().length
}
