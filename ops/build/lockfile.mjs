/**
 * Audits package-lock.json: a SHA-512 for every package, no address that it would be downloaded from (a clone takes
 * packages from whatever registry its user has set), no package that needs a script of its own to be installed, and the
 * name and version of package.json. Ends with 0 if all is well.
 */
import { lock, manifest, productionPackages } from './packages.mjs'

/** They have a script for machines on which there is nothing built to be found in the package; it does not have to run. */
const SCRIPTS_NOT_NEEDED = ['@signalapp/libsignal-client', '@swc/core']

const packages = Object.entries(lock.packages).filter(([path]) => path !== '')
const inProduction = productionPackages()
const wrong = packages.flatMap(([path, entry]) => [
  ...('resolved' in entry ? [`${path} records a download address`] : []),
  ...(entry.link ? [`${path} is a link`] : []),
  ...(entry.inBundle || /^sha512-[\w+/]{86}==$/.test(entry.integrity ?? '') ? [] : [`${path} has no SHA-512`]),
  ...(entry.hasInstallScript && !SCRIPTS_NOT_NEEDED.some((name) => path === `node_modules/${name}`)
    ? [`${path} has an install script`]
    : []),
])
for (const { path } of inProduction) {
  const { dev, devOptional, hasInstallScript, inBundle } = lock.packages[path]
  if (dev || devOptional) wrong.push(`${path} is needed in production and marked as one for development`)
  if (hasInstallScript) wrong.push(`${path} is needed in production and has an install script`)
  if (inBundle) wrong.push(`${path} is needed in production and has no checksum of its own`)
}
const unmarked = packages.filter(
  ([, { dev, devOptional, optional, peer }]) => !(dev || devOptional || optional || peer),
)
if (unmarked.length !== inProduction.length) wrong.push('it marks other packages as production than package.json needs')
if (lock.name !== manifest.name || lock.version !== manifest.version)
  wrong.push(`it is not that of ${manifest.name} ${manifest.version}: run npm install`)
for (const line of wrong) process.stderr.write(`package-lock.json: ${line}\n`)
if (wrong.length > 0) process.exitCode = 1
else {
  process.stdout.write(
    `package-lock.json: ${packages.length} packages with checksums, ${inProduction.length} of them in production; ` +
      'no download address, no install script needed\n',
  )
}
