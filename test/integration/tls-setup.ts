import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import type { Test } from '../_util/tap.ts'

/** A certificate and its key in PEM, and what a client compares it by. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly name: string
}

const run = promisify(execFile)

/** A folder that is gone after the test. */
export async function makeFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lethe-tls-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Makes a self-signed certificate under a name, for 127.0.0.1 by default. Rejects where there is no openssl. */
export async function makeCertificate(folder: string, name: string, host = 'IP:127.0.0.1'): Promise<Certificate> {
  const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)]
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${host}`]
  try {
    await run('openssl', [...args, ...subject, '-keyout', keyFile, '-out', certFile])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Error('openssl is needed for the tests of TLS and is not on PATH; install it (apt-get install openssl)')
  }
  return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8'), name }
}

/** Files as an orchestrator lays them down: a link to a folder, which is exchanged whole. */
export class CertificateFolder {
  readonly #folder: string
  readonly #link: string

  constructor(folder: string) {
    this.#folder = folder
    this.#link = join(folder, 'current')
  }

  /** Settings that name the files. */
  get env(): Record<string, string> {
    return { LETHE_TLS_CERT_FILE: join(this.#link, 'tls.crt'), LETHE_TLS_KEY_FILE: join(this.#link, 'tls.key') }
  }

  /** Exchanges both files in one moment. */
  async put({ cert, key }: Pick<Certificate, 'cert' | 'key'>): Promise<void> {
    const fresh = await mkdtemp(join(this.#folder, 'version-'))
    await writeFile(join(fresh, 'tls.crt'), cert)
    await writeFile(join(fresh, 'tls.key'), key)
    const link = join(this.#folder, `link-${randomBytes(4).toString('hex')}`)
    await symlink(fresh, link)
    await rename(link, this.#link)
  }
}

/** A TLS connection that trusts this certificate alone; resolves when it is secure. */
export function connectTls(relay: { url: string }, { cert }: Pick<Certificate, 'cert'>): Promise<TLSSocket> {
  const { hostname, port } = new URL(relay.url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca: cert })
    socket.once('secureConnect', () => resolve(socket))
    socket.on('error', reject)
  })
}

/** Common name of the certificate that new connections are shown. */
export async function shownName(relay: { url: string }): Promise<string> {
  const { hostname, port } = new URL(relay.url)
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false })
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
  })
  const name = socket.getPeerCertificate().subject.CN
  socket.destroy()
  return String(name)
}
