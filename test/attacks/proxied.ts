import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killOnExit, terminate } from '../_util/child-process.ts'
import { findFreePort } from '../_util/ports.ts'
import type { Relay } from '../_util/relay.ts'
import { howToInstall, type ProgramName } from '../_util/runner/programs.ts'
import type { Test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { project, runProgram } from '../deploy/program.ts'
import { parseAnswers } from '../integration/raw-http.ts'

/** A proxy with the configuration that is shipped, in front of a relay whose answers are counted. */
export interface Proxied {
  /** `http://127.0.0.1:PORT`: the proxy without TLS, since what is sent through it is written by hand. */
  readonly url: string
  /** `https://localhost:PORT`, with HTTP/2. */
  readonly tlsUrl: string
  /** How many answers of a status the relay has given to the proxy. */
  answered(status: number): number
}

const proxies = join(project, 'deploy/proxy')

/** What stands between proxy and relay, and sees the relay's answers. */
async function startTap(t: Test, relay: Relay): Promise<{ port: number; answered(status: number): number }> {
  const seen: { text: string }[] = []
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: Number(new URL(relay.url).port) })
    const answers = { text: '' }
    seen.push(answers)
    far.on('data', (chunk: Buffer) => {
      answers.text += chunk.toString('latin1')
    })
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('error', () => near.destroy()).on('close', () => near.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const statuses = () => seen.flatMap(({ text }) => parseAnswers(text).map((answer) => answer.status))
  return {
    port: (server.address() as AddressInfo).port,
    answered: (status) => statuses().filter((one) => one === status).length,
  }
}

function run(t: Test, name: ProgramName, args: readonly string[]): ChildProcess {
  const child = spawn(name, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  child.once('error', () => t.fail(howToInstall(name)))
  killOnExit(child)
  t.teardown(() => terminate(child, 5_000))
  return child
}

/** The shipped file with these parts of it replaced, each of which must be there. */
function configured(name: string, folder: string, parts: Readonly<Record<string, string>>): string {
  let text = readFileSync(join(proxies, name), 'utf8')
  for (const [from, to] of Object.entries(parts)) {
    if (!text.includes(from)) throw new Error(`${name} does not say ${from}`)
    text = text.replaceAll(from, to)
  }
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

interface Place {
  folder: string
  port: number
  tlsPort: number
  relayPort: number
  adminPort: string
  certificate: string
  key: string
}

const START: Record<'haproxy' | 'nginx', (t: Test, place: Place) => Promise<ChildProcess>> = {
  haproxy: async (t, { folder, port, tlsPort, relayPort, adminPort, certificate, key }) => {
    const both = join(folder, 'proxy.pem')
    writeFileSync(both, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'))
    const file = configured('haproxy.cfg', folder, {
      'bind :8443 ssl crt /etc/haproxy/tls/proxy.pem': `bind 127.0.0.1:${port}\n  bind 127.0.0.1:${tlsPort} ssl crt ${both}`,
      '/usr/local/etc/haproxy': proxies,
      'check port 9464': `check port ${adminPort}`,
      'server relay-1 relay-1:8080': `server relay-1 127.0.0.1:${relayPort}`,
      '  server relay-2 relay-2:8080\n': '',
      'bind 127.0.0.1:8404': `bind 127.0.0.1:${await findFreePort()}`,
    })
    return run(t, 'haproxy', ['-db', '-f', file])
  },
  nginx: async (t, { folder, port, tlsPort, relayPort, certificate, key }) => {
    mkdirSync(join(folder, 'logs'))
    const file = configured('nginx.conf', folder, {
      'listen 443 ssl;': `listen 127.0.0.1:${tlsPort} ssl http2;`,
      'listen [::]:443 ssl;': `listen 127.0.0.1:${port};`,
      'server 127.0.0.1:8080;': `server 127.0.0.1:${relayPort};`,
      '/etc/lethe/certificate.pem': certificate,
      '/etc/lethe/key.pem': key,
      '/run/nginx.pid': join(folder, 'pid'),
    })
    return run(t, 'nginx', ['-p', folder, '-c', file, '-g', 'daemon off;'])
  },
}

/** Starts the proxy in front of the relay. It ends with the test. */
export async function startProxied(t: Test, name: 'haproxy' | 'nginx', relay: Relay): Promise<Proxied> {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-proxied-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [certificate, key] = [join(folder, 'c.pem'), join(folder, 'k.pem')]
  runProgram('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost'],
    ...['-keyout', key, '-out', certificate],
  ])
  const { port: relayPort, answered } = await startTap(t, relay)
  const [port, tlsPort] = [await findFreePort(), await findFreePort()]
  const adminPort = new URL(relay.adminUrl).port
  await START[name](t, { folder, port, tlsPort, relayPort, adminPort, certificate, key })
  const url = `http://127.0.0.1:${port}`
  await eventually(async () => (await fetch(`${url}/v1/info`)).status === 200)
  return { url, tlsUrl: `https://localhost:${tlsPort}`, answered }
}
