import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ShredReport } from '../../src/cli/shred-report.ts'
import type { RedisServer } from '../_util/redis.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import type { Test } from '../_util/tap.ts'
import { createShell, type RunOptions } from './cli-setup.ts'

const QUIET_MS = 150
const ENVELOPE_BYTES = 4_000
/** Of a sealed envelope, from its middle: long enough to be found by chance nowhere. */
const PIECE_BYTES = 12

/** A Redis to be asked by somebody who may do everything. */
export interface AskedRedis extends Pick<RedisServer, 'port'> {
  ask(...args: readonly string[]): Promise<string>
  askBytes(...args: readonly string[]): Promise<Buffer>
}

/** A storeSecret in a file, with read-only ones in another, as a relay has them. */
export interface SecretFiles {
  readonly env: Readonly<Record<string, string>>
  live(): string
  readOnly(): string
}

export function secretFiles(t: Test): SecretFiles {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-shred-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const [live, readOnly] = [join(folder, 'secret'), join(folder, 'secrets-read')]
  for (const path of [live, readOnly]) writeFileSync(path, `${randomBytes(32).toString('base64url')}\n`)
  return {
    env: { LETHE_STORE_SECRET_FILE: live, LETHE_STORE_SECRETS_READ_FILE: readOnly },
    live: () => readFileSync(live, 'utf8'),
    readOnly: () => readFileSync(readOnly, 'utf8'),
  }
}

/** A URL in a file, as `--redis-url-file` takes it. */
export function urlFile(t: Test, url: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'lethe-url-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'url')
  writeFileSync(path, `${url}\n`)
  return path
}

/** What `lethe shred --json` printed, in the form that its reader sees. */
export type PrintedReport = ShredReport & { readonly document: string; readonly beyond: readonly string[] }

export interface Shredded {
  readonly code: number | string | null
  readonly stdout: string
  readonly stderr: string
  readonly report: PrintedReport
}

/** Runs `lethe shred --json`. */
export async function shred(t: Test, args: readonly string[], options: RunOptions): Promise<Shredded> {
  const { lethe } = await createShell(t)
  const { code, stdout, stderr } = await lethe(['shred', '--json', ...args], options)
  return { code, stdout, stderr, report: stdout === '' ? undefined : JSON.parse(stdout) }
}

/** Starts a relay, has envelopes deposited, and stops it again. */
export async function leaveEnvelopes(env: Readonly<Record<string, string>>, count: number): Promise<void> {
  const relay = await startRelay(env)
  try {
    await deposit(relay, count)
  } finally {
    await relay.stop()
  }
}

export async function deposit(relay: Relay, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const body = Buffer.concat([randomBytes(32), randomBytes(ENVELOPE_BYTES)])
    const headers = { 'content-type': 'application/octet-stream' }
    const { status } = await fetch(`${relay.url}/v1/deposit`, { method: 'POST', headers, body })
    if (status !== 202) throw new Error(`a deposit was answered ${status}`)
  }
}

/** A name and a piece of each envelope that a node holds: what must be nowhere afterwards. */
export async function piecesOf(node: AskedRedis): Promise<Buffer[]> {
  const names = (await node.ask('KEYS', '*')).split('\n').filter((name) => name !== '')
  const pieces: Buffer[] = []
  for (const name of names) {
    const bytes = await node.askBytes('XRANGE', name, '-', '+')
    const middle = Math.floor(bytes.length / 2)
    pieces.push(Buffer.from(name.slice(-22)), bytes.subarray(middle, middle + PIECE_BYTES))
  }
  return pieces
}

/** How many of the pieces are in the bytes. */
export function hits(pieces: readonly Buffer[], bytes: Buffer): number {
  return pieces.filter((piece) => bytes.includes(piece)).length
}

/** The RDB that a node would write at this moment. */
export async function snapshotOf(t: Test, node: AskedRedis): Promise<Buffer> {
  const folder = (await node.ask('CONFIG', 'GET', 'dir')).split('\n')[1] as string
  const file = (await node.ask('CONFIG', 'GET', 'dbfilename')).split('\n')[1] as string
  const path = join(folder, file)
  t.teardown(() => rmSync(path, { force: true }))
  await node.ask('SAVE')
  return readFileSync(path)
}

/** The replication backlog, as a replica that was away for a moment would be given it; empty where there is none. */
export async function backlogOf(node: AskedRedis, login = ''): Promise<Buffer> {
  const info = await node.ask('INFO', 'replication')
  const field = (name: string) => new RegExp(`^${name}:(\\w+)`, 'm').exec(info)?.[1] ?? ''
  if (field('repl_backlog_active') !== '1') return Buffer.alloc(0)
  const socket = connect(node.port, '127.0.0.1')
  const chunks: Buffer[] = []
  let lastMs = performance.now()
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    lastMs = performance.now()
  })
  await once(socket, 'connect')
  socket.write(`${login}REPLCONF capa eof capa psync2\r\n`)
  await sleep(QUIET_MS)
  chunks.length = 0
  socket.write(`PSYNC ${field('master_replid')} ${field('repl_backlog_first_byte_offset')}\r\n`)
  while (chunks.length === 0 || performance.now() - lastMs < QUIET_MS) await sleep(20)
  socket.destroy()
  const answer = Buffer.concat(chunks)
  if (!answer.toString('latin1', 0, 9).startsWith('+CONTINUE')) throw new Error(answer.toString('latin1', 0, 80))
  return answer.subarray(answer.indexOf('\n') + 1)
}
