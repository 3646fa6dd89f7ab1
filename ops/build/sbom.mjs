/**
 * Writes build/sbom.cdx.json: what runs in production, as npm tells it in CycloneDX. npm is given a copy without anything
 * for development: of the project itself, `npm sbom --omit=dev` leaves out whatever development needs too. The random
 * serial number and the time of the build are left out, so that the same package-lock.json gives the same file.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lock, manifest, productionPackages } from './packages.mjs'

const project = fileURLToPath(new URL('../../', import.meta.url))
const result = join(project, 'build/sbom.cdx.json')
const changed = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** package.json and package-lock.json of the same project with nothing for development in them. */
function forProduction(production) {
  const { name, version, license, description, dependencies, overrides } = manifest
  const root = { name, version, license, description, dependencies, overrides }
  const packages = Object.fromEntries(production.map(({ path }) => [path, lock.packages[path]]))
  return { 'package.json': root, 'package-lock.json': { ...lock, packages: { '': root, ...packages } } }
}

/** What npm says of it. */
function ask(production) {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-sbom-'))
  try {
    for (const [file, content] of Object.entries(forProduction(production))) {
      writeFileSync(join(folder, file), JSON.stringify(content))
    }
    const options = ['--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application']
    return JSON.parse(execFileSync('npm', ['sbom', ...options], { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function sbom() {
  const production = productionPackages()
  const { serialNumber, ...document } = ask(production)
  const { timestamp, ...metadata } = document.metadata
  metadata.component.name = manifest.name
  const listed = document.components.map(({ name, version }) => `${name}@${version}`)
  for (const { name, version } of production) {
    if (!listed.includes(`${name}@${version}`)) throw new Error(`npm sbom leaves ${name}@${version} out`)
  }
  return { ...document, metadata }
}

const isCurrent = ['package.json', 'package-lock.json'].every((name) => changed(join(project, name)) < changed(result))
if (!isCurrent) {
  mkdirSync(join(project, 'build'), { recursive: true })
  writeFileSync(result, `${JSON.stringify(sbom(), null, 1)}\n`)
}
