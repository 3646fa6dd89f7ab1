import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configSchema } from '../../src/config/schema.ts'
import { test } from '../_util/tap.ts'
import { project, runProgram, temporaryFolder } from './program.ts'

const UNIT = join(project, 'deploy/systemd/lethe.service')
/** What systemd calls safe. */
const HIGHEST_EXPOSURE = 1

function exposureOf(file: string): number {
  const { text } = runProgram('systemd-analyze', ['security', '--offline=yes', '--no-pager', file])
  const [, figure] = /Overall exposure level for lethe\.service: ([\d.]+)/.exec(text) ?? []
  if (figure === undefined) throw new Error(text)
  return Number(figure)
}

test('the systemd unit is as closed as systemd can tell', async (t) => {
  t.ok(exposureOf(UNIT) <= HIGHEST_EXPOSURE, `exposure ${exposureOf(UNIT)}`)
  const open = join(temporaryFolder(t), 'lethe.service')
  writeFileSync(open, readFileSync(UNIT, 'utf8').replace(/^(Protect|Private|Restrict|System|Capability).*$/gm, ''))
  t.ok(exposureOf(open) > HIGHEST_EXPOSURE, 'without its walls it is not')
})

test('the unit leaves time for the drain, and leaves no core dump and no swap', async (t) => {
  const unit = readFileSync(UNIT, 'utf8')
  const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(unit) ?? []
  t.ok(Number(seconds) >= Number(configSchema.drainSeconds.default) + 5)
  for (const line of ['LimitCORE=0', 'MemorySwapMax=0', 'DynamicUser=yes']) t.match(unit, `\n${line}\n`)
})

test('tor takes the recipe for an onion service, and finds a fault in it', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'data'), { mode: 0o700 })
  const recipe = readFileSync(join(project, 'deploy/tor/torrc'), 'utf8').replace('/var/lib/tor', folder)
  const verify = (text: string) => {
    const file = join(folder, 'torrc')
    writeFileSync(file, text)
    const args = [
      '--verify-config',
      '-f',
      file,
      '--defaults-torrc',
      '/dev/null',
      '--DataDirectory',
      join(folder, 'data'),
    ]
    return runProgram('tor', args)
  }
  const { code, text } = verify(recipe)
  t.equal(code, 0, text)
  t.match(text, 'Configuration was valid')
  t.not(verify(recipe.replace('HiddenServicePort', 'HiddenServicePorts')).code, 0)
})
