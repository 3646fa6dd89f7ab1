import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Test, test } from '../_util/tap.ts'

const project = fileURLToPath(new URL('../../../', import.meta.url))

interface Lock {
  packages: Record<string, Record<string, unknown>>
}

const read = (name: string) => JSON.parse(readFileSync(join(project, name), 'utf8'))

/** Runs a check of ops/build on a copy of the project in which `change` has changed something. */
function check(t: Test, name: string, change?: (lock: Lock) => void, docs = (text: string) => text) {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-supply-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const part of ['package.json', 'ops/build']) cpSync(join(project, part), join(folder, part), { recursive: true })
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'))
  const lock = read('package-lock.json')
  change?.(lock)
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  mkdirSync(join(folder, 'docs'))
  writeFileSync(join(folder, 'docs/dependencies.md'), docs(readFileSync(join(project, 'docs/dependencies.md'), 'utf8')))
  const command = [process.execPath, join(folder, 'ops/build', name)]
  return spawnSync('env', ['-u', 'NODE_OPTIONS', ...command], { encoding: 'utf8' })
}

const fastify = ({ packages }: Lock) => packages['node_modules/fastify'] as Record<string, unknown>

test('the lock file is audited: checksums, no addresses, no install scripts', async (t) => {
  t.equal(check(t, 'lockfile.mjs').status, 0)
  const changes: [RegExp, (lock: Lock) => void][] = [
    [/download address/, (lock) => Object.assign(fastify(lock), { resolved: 'https://registry.example/fastify.tgz' })],
    [/no SHA-512/, (lock) => Object.assign(fastify(lock), { integrity: 'sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=' })],
    [/install script/, (lock) => Object.assign(fastify(lock), { hasInstallScript: true })],
    [/marked as one for development/, (lock) => Object.assign(fastify(lock), { dev: true })],
  ]
  for (const [message, change] of changes) {
    const { status, stderr } = check(t, 'lockfile.mjs', change)
    t.equal(status, 1)
    t.match(stderr, message)
  }
})

test('licences that ask for more than a notice are refused', async (t) => {
  t.equal(check(t, 'licences.mjs').status, 0)
  const { status, stderr } = check(t, 'licences.mjs', (lock) => Object.assign(fastify(lock), { license: 'SSPL-1.0' }))
  t.equal(status, 1)
  t.match(stderr, /fastify: package-lock.json says SSPL-1.0/)
})

test('docs/dependencies.md has a reason for every package, and would be found stale', async (t) => {
  t.equal(check(t, 'dependencies.mjs').status, 0)
  const stale = [
    check(t, 'dependencies.mjs', ({ packages }) => {
      packages['node_modules/new'] = { version: '1.0.0', license: 'MIT' }
      packages['node_modules/fastify'] = {
        ...packages['node_modules/fastify'],
        dependencies: { ...(packages['node_modules/fastify']?.dependencies as object), new: '1.0.0' },
      }
    }),
    check(t, 'dependencies.mjs', undefined, (text) => text.replace(/^\| ws \|.*\n/m, '')),
    check(t, 'dependencies.mjs', undefined, (text) => text.replace(/(^\| fastify \| MIT \|).*/m, '$1 |')),
    check(t, 'dependencies.mjs', undefined, (text) => text.replace(/^\*\*\d+/m, '**7')),
  ]
  for (const { status } of stale) t.equal(status, 1)
})

test('[CycloneDX 1.5] the build lists what runs in production, with licence and checksum, the same every time', async (t) => {
  const text = readFileSync(join(project, 'build/sbom.cdx.json'), 'utf8')
  const { bomFormat, components, metadata, serialNumber } = JSON.parse(text)
  const { packages } = read('package-lock.json') as Lock
  const production = Object.entries(packages).filter(([path, { dev, optional }]) => path !== '' && !dev && !optional)
  const name = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 13)
  const listed = components.map((one: { name: string; version: string }) => `${one.name}@${one.version}`)
  t.equal(bomFormat, 'CycloneDX')
  t.strictSame(listed.sort(), production.map(([path, { version }]) => `${name(path)}@${version}`).sort())
  for (const { name, licenses, hashes } of components)
    t.ok(licenses.length > 0 && hashes[0].content.length === 128, name)
  t.equal(metadata.component.version, read('package.json').version)
  t.equal(serialNumber, undefined)
  t.equal(metadata.timestamp, undefined)
  t.notMatch(text, project, 'no path of the machine that built it')
})
