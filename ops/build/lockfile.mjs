/**
 * Checks package-lock.json: a checksum for every package, no address that it would be downloaded from (a clone takes
 * packages from whatever registry its user has set), and the version of package.json. Ends with 0 if all is well.
 */
import { readFileSync } from 'node:fs'

const read = (name) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'))
const lock = read('package-lock.json')
const { name, version } = read('package.json')
const packages = Object.entries(lock.packages).filter(([path]) => path !== '')
const wrong = [
  ...packages.filter(([, entry]) => 'resolved' in entry).map(([path]) => `${path} records a download address`),
  ...packages.filter(([, entry]) => !entry.integrity && !entry.inBundle).map(([path]) => `${path} has no checksum`),
]
if (lock.name !== name || lock.version !== version) wrong.push(`it is not that of ${name} ${version}: run npm install`)
for (const line of wrong) process.stderr.write(`package-lock.json: ${line}\n`)
if (wrong.length > 0) process.exitCode = 1
else process.stdout.write(`package-lock.json: ${packages.length} packages with checksums, no download address\n`)
