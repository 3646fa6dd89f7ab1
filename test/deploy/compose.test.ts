import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { test } from '../_util/tap.ts'
import { copyOfDeploy, project, runProgram } from './program.ts'

interface Service {
  image: string
  user: string
  read_only?: boolean
  cap_drop?: string[]
  security_opt?: string[]
  ulimits?: { core: number }
  cpus?: unknown
  mem_limit?: string
  memswap_limit?: string
  pids_limit?: number
  ports?: string[]
  healthcheck?: { test: string[] }
  command?: string[]
  secrets?: string[]
}

interface Compose {
  services: Record<string, Service>
  secrets: Record<string, { file: string }>
}

function read(name: string): Compose {
  return parse(readFileSync(join(project, 'deploy', name), 'utf8'), { merge: true })
}

const base = read('compose.yaml')
const overlays = { sentinel: read('compose.sentinel.yaml'), cluster: read('compose.cluster.yaml') }

/** The services of a file that stand there whole; the others change one of compose.yaml. */
function whole({ services }: Compose): [string, Service][] {
  return Object.entries(services).filter(([, { image }]) => image !== undefined)
}

const files = { base, ...overlays }
for (const [name, file] of Object.entries(files)) {
  test(`every service of ${name} is hardened, limited, watched, and of an image that can be replaced`, async (t) => {
    t.ok(whole(file).length >= 5)
    for (const [service, one] of whole(file)) {
      t.match(one.image, /^\$\{[A-Z_]+_IMAGE:-[a-z][a-z0-9:./-]*\}$/, `${service}: image`)
      t.match(one.user, /^[1-9]\d*:[1-9]\d*$/, `${service}: user`)
      t.equal(one.read_only, true, `${service}: read-only`)
      t.strictSame(one.cap_drop, ['ALL'], `${service}: capabilities`)
      t.strictSame(one.security_opt, ['no-new-privileges:true'], `${service}: privileges`)
      t.equal(one.ulimits?.core, 0, `${service}: core dumps`)
      t.ok(one.cpus && one.mem_limit && one.pids_limit, `${service}: limits`)
      t.equal(one.memswap_limit, one.mem_limit, `${service}: no swap`)
      t.ok(one.healthcheck?.test, `${service}: health check`)
    }
  })

  test(`${name} publishes the port of the proxy and no other`, async (t) => {
    const published = Object.entries(file.services).filter(([, { ports }]) => ports !== undefined)
    t.strictSame(
      published.map(([service]) => service),
      name === 'base' ? ['proxy'] : [],
    )
  })

  test(`${name} takes every secret from a file that deploy/init makes, and uses each`, async (t) => {
    const deploy = copyOfDeploy(t)
    t.equal(runProgram('bash', [join(deploy, 'init')], deploy).code, 0)
    for (const { file: path } of Object.values(file.secrets)) t.ok(existsSync(join(deploy, path)), path)
    const known = new Set([...Object.keys(base.secrets), ...Object.keys(file.secrets)])
    const used = new Set(whole(file).flatMap(([, { secrets = [] }]) => secrets))
    for (const secret of used) t.ok(known.has(secret), secret)
    if (name === 'base') t.strictSame([...used].sort(), [...known].sort())
  })
}

test('in the overlays every Redis node starts as nobody’s master, after having been missed', async (t) => {
  const expected = {
    sentinel: ['--replicaof localhost 1', '--replica-priority 0'],
    cluster: ['--cluster-enabled yes', '--repl-diskless-sync-delay 1000000'],
  }
  for (const [name, { services }] of Object.entries(overlays)) {
    const nodes = Object.entries(services).filter(([service]) => /^redis(-\d)?$/.test(service))
    t.equal(nodes.length, name === 'sentinel' ? 3 : 6)
    for (const [service, { command = [] }] of nodes) {
      const line = command.join(' ')
      t.match(line, 'exec /etc/redis/start-node ', service)
      for (const setting of expected[name as keyof typeof expected]) t.match(line, setting, `${service}: ${setting}`)
    }
  }
})
