import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathWithRedis, RedisMissingError } from '../_util/runner/redis-server.ts'
import { type Test, test } from '../_util/tap.ts'

interface Plan {
  isRoot?: boolean
  /** Version that apt-get has to give; undefined: it has none. */
  offers?: string
  canUpdate?: boolean
  /** Version that is there already. */
  hasAlready?: string
  hasApt?: boolean
}

function program(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
}

function putRedis(folder: string, version: string): void {
  program(join(folder, 'redis-server'), `echo "Redis server v=${version} sha=00000000:0 malloc=jemalloc bits=64"`)
  program(join(folder, 'redis-cli'), 'exit 0')
}

/** A machine in a folder: its apt-get writes down how it was called, and puts a redis-server beside itself. */
function createMachine(t: Test, { isRoot = true, offers, canUpdate = true, hasAlready, hasApt = true }: Plan) {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-apt-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [bin, stock, log, policyFile] = ['bin', 'stock', 'log', 'policy-rc.d'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const made of [bin, stock]) mkdirSync(made)
  if (hasAlready) putRedis(bin, hasAlready)
  if (offers) putRedis(stock, offers)
  const script = [
    `echo "$DEBIAN_FRONTEND $* $(test -x ${policyFile} && echo held)" >> ${log}`,
    `case "$*" in *update*) exit ${canUpdate ? 0 : 100};; esac`,
    offers ? `/bin/cp ${stock}/redis-server ${stock}/redis-cli ${bin}/` : 'exit 100',
  ]
  if (hasApt) program(join(bin, 'apt-get'), script.join('\n'))
  const calls = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
  return { bin, calls, policyFile, machine: { isRoot, policyFile, usualFolders: [] } }
}

/** What pathWithRedis says when it finds nothing. */
function complaint(path: string, machine: Parameters<typeof pathWithRedis>[1]): string {
  try {
    return `it gave ${pathWithRedis(path, machine)}`
  } catch (error) {
    if (error instanceof RedisMissingError) return error.message
    throw error
  }
}

test('a redis-server that is missing is installed with apt-get, whose service does not start', async (t) => {
  const { bin, calls, policyFile, machine } = createMachine(t, { offers: '7.0.15' })
  t.equal(pathWithRedis(bin, machine), bin)
  t.equal(calls().length, 2)
  t.match(calls()[0], /^noninteractive .* update held$/)
  t.match(calls()[1], /^noninteractive .* install -y --no-install-recommends redis-server held$/)
  t.notOk(existsSync(policyFile), 'what held the service back is gone')
})

test('lists that cannot be renewed do not hinder the installation', async (t) => {
  const { bin, machine } = createMachine(t, { offers: '8.0.1', canUpdate: false })
  t.equal(pathWithRedis(bin, machine), bin)
})

test('a policy that the machine has already stays', async (t) => {
  const { bin, policyFile, machine } = createMachine(t, { offers: '7.0.15' })
  writeFileSync(policyFile, 'its own')
  pathWithRedis(bin, machine)
  t.equal(readFileSync(policyFile, 'utf8'), 'its own')
})

test('one that is there and new enough is taken, wherever it stands, and nothing is installed', async (t) => {
  const { bin, calls, machine } = createMachine(t, { hasAlready: '7.2.4', offers: '8.0.0' })
  t.equal(pathWithRedis(bin, machine), bin)
  const other = createMachine(t, { hasAlready: '6.0.16' })
  t.equal(pathWithRedis([other.bin, bin].join(delimiter), machine), [bin, other.bin, bin].join(delimiter))
  t.equal(
    pathWithRedis(other.bin, { ...machine, usualFolders: [bin] }),
    [bin, other.bin].join(delimiter),
    'also beside the PATH',
  )
  t.same([...calls(), ...other.calls()], [])
})

test('otherwise one clear error names what to install', async (t) => {
  const commands = ['sudo apt-get install redis-server', 'brew install redis', 'version 7.0 or later']
  const plans: Record<string, [Plan, RegExp | undefined, number]> = {
    'nobody may install': [{ isRoot: false, offers: '7.0.15' }, undefined, 0],
    'no apt-get': [{ hasApt: false }, undefined, 0],
    'apt-get has none': [{}, /apt-get could not install/, 2],
    'apt-get has an old one': [{ offers: '6.0.16' }, /redis-server 6\.0\.16 in .* is too old/, 2],
    'an old one is there': [{ isRoot: false, hasAlready: '5.0.3' }, /redis-server 5\.0\.3 in .* is too old/, 0],
  }
  for (const [title, [plan, also, calls]] of Object.entries(plans)) {
    const machine = createMachine(t, plan)
    const said = complaint(machine.bin, machine.machine)
    for (const command of commands) t.ok(said.includes(command), `${title}: ${command}`)
    if (also) t.match(said, also)
    t.equal(machine.calls().length, calls, `${title}: calls of apt-get`)
    t.notOk(existsSync(machine.policyFile))
  }
})
