import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { killOnExit, terminate } from '../_util/child-process.ts'
import { findFreePort } from '../_util/ports.ts'
import { startRedis } from '../_util/redis.ts'
import { redisCli } from '../_util/redis-cli.ts'
import type { Test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { type Certificate, makeCertificate, makeFolder } from './tls-setup.ts'

const PATIENCE = { timeoutMs: 30_000, intervalMs: 100 }

/** A certificate on disk, as Redis and LETHE_REDIS_CA_FILE take it; it is its own authority. */
export interface CertificateFiles {
  readonly folder: string
  readonly certificate: Certificate
  /** The certificate, which clients trust. */
  readonly caFile: string
  readonly keyFile: string
}

export async function makeCertificateFiles(t: Test, host?: string): Promise<CertificateFiles> {
  const folder = await makeFolder(t)
  const certificate = await makeCertificate(folder, 'redis', host)
  return { folder, certificate, caFile: join(folder, 'redis.crt'), keyFile: join(folder, 'redis.key') }
}

/** Settings of a server that speaks TLS on a port and asks clients for no certificate. */
function tlsSettings(port: number, { caFile, keyFile }: CertificateFiles): Record<string, string> {
  return {
    'tls-port': String(port),
    'tls-cert-file': caFile,
    'tls-key-file': keyFile,
    'tls-ca-cert-file': caFile,
    'tls-auth-clients': 'no',
    'tls-replication': 'yes',
  }
}

const commandLine = (settings: Record<string, string>) =>
  Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])

/** One Redis that speaks TLS. @returns its port for TLS */
export async function startTlsNode(t: Test, files: CertificateFiles): Promise<number> {
  const port = await findFreePort()
  const redis = await startRedis({ args: commandLine(tlsSettings(port, files)) })
  t.teardown(() => redis.stop())
  return port
}

/**
 * Three masters that speak TLS with everybody, each other included.
 * @param name what they are to be called by, instead of their address
 * @returns their ports for TLS
 */
export async function startTlsCluster(t: Test, files: CertificateFiles, name?: string): Promise<number[]> {
  const ports: number[] = []
  for (let i = 0; i < 3; i++) {
    const port = await findFreePort({ bus: true })
    const cluster = { 'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf', 'tls-cluster': 'yes' }
    const naming = name && { 'cluster-announce-hostname': name, 'cluster-preferred-endpoint-type': 'hostname' }
    const redis = await startRedis({ args: commandLine({ ...tlsSettings(port, files), ...cluster, ...naming }) })
    t.teardown(() => redis.stop())
    ports.push(port)
  }
  const tls = ['--tls', '--cacert', files.caFile]
  const hosts = ports.map((port) => `127.0.0.1:${port}`)
  await redisCli(ports[0] as number, [...tls, '--cluster', 'create', ...hosts, '--cluster-yes'])
  for (const port of ports) {
    await eventually(async () => {
      const isOk = (await redisCli(port, [...tls, 'CLUSTER', 'INFO'])).includes('cluster_state:ok')
      const table = (await redisCli(port, [...tls, 'CLUSTER', 'NODES'])).toString('utf8')
      return isOk && (name === undefined || table.split(`,${name} `).length === ports.length + 1)
    }, PATIENCE)
  }
  return ports
}

/** A Sentinel that watches one master, both with TLS alone. @returns the Sentinel's port */
export async function startTlsSentinel(t: Test, files: CertificateFiles, masterName: string): Promise<number> {
  const masterPort = await startTlsNode(t, files)
  const port = await findFreePort()
  const settings = Object.entries({ ...tlsSettings(port, files), port: '0', bind: '127.0.0.1', dir: files.folder })
  const lines = [
    ...settings.map(([name, value]) => `${name} ${value}`),
    `sentinel monitor ${masterName} 127.0.0.1 ${masterPort} 1`,
  ]
  const file = join(files.folder, 'sentinel.conf')
  await writeFile(file, `${lines.join('\n')}\n`)
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' })
  killOnExit(child)
  t.teardown(() => terminate(child, 5_000))
  const isUp = () =>
    redisCli(port, ['--tls', '--cacert', files.caFile, 'PING']).then(
      () => true,
      () => false,
    )
  await eventually(isUp, PATIENCE)
  return port
}

/** TLS before a Redis without it, which writes down the server names that clients ask for. */
export async function startTlsFront(t: Test, redisPort: number, { certificate: { cert, key } }: CertificateFiles) {
  const names = new Set<string>()
  const SNICallback = (name: string, done: (error: null) => void) => {
    names.add(name)
    done(null)
  }
  const server = createServer({ cert, key, SNICallback }, (near) => {
    const far = connect(redisPort, '127.0.0.1')
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('error', () => near.destroy()).on('close', () => near.destroy())
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  t.teardown(() => server.close())
  return { port: (server.address() as AddressInfo).port, names }
}
