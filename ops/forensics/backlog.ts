import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisServer } from '../../test/_util/redis.ts'

/** What the replication backlog tells of one write: the bucket, and the mailbox's pseudonym, of a deposit. */
export interface BackloggedDeposit {
  readonly key: string
  readonly wakeTag: string
}

const QUIET_MS = 500

/** Has the server keep a backlog as large as it would with a replica, from now on. */
export async function keepBacklog(server: RedisServer, bytes: number): Promise<void> {
  await server.cli('CONFIG', 'SET', 'repl-backlog-size', String(bytes), 'repl-backlog-ttl', '0')
  await psync(server, ['?', '-1'])
}

/** Reads the backlog as a replica that was away for a moment would. */
export async function readBacklog(server: RedisServer): Promise<Buffer> {
  const info = await server.cli('INFO', 'replication')
  const field = (name: string) => new RegExp(`^${name}:(\\w+)`, 'm').exec(info)?.[1] ?? ''
  const answer = await psync(server, [field('master_replid'), field('repl_backlog_first_byte_offset')])
  if (!answer.toString('latin1', 0, 9).startsWith('+CONTINUE')) throw new Error('the server kept no backlog')
  return answer.subarray(answer.indexOf('\n') + 1)
}

async function psync(server: RedisServer, [id, offset]: readonly [string, string]): Promise<Buffer> {
  const socket = connect(server.port, '127.0.0.1')
  const chunks: Buffer[] = []
  let lastMs = performance.now()
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    lastMs = performance.now()
  })
  await once(socket, 'connect')
  socket.write('REPLCONF capa eof capa psync2\r\n')
  await once(socket, 'data')
  chunks.length = 0
  socket.write(`PSYNC ${id} ${offset}\r\n`)
  while (chunks.length === 0 || performance.now() - lastMs < QUIET_MS) await sleep(50)
  socket.destroy()
  return Buffer.concat(chunks)
}

/** Deposits in a piece of the replication stream, which may begin in the middle of a command. */
export function depositsIn(stream: Buffer): BackloggedDeposit[] {
  const deposits: BackloggedDeposit[] = []
  let key: string | undefined
  for (const [name = '', first, second] of commandsIn(stream)) {
    const command = name.toString('latin1').toUpperCase()
    if (command === 'XADD') key = first?.toString('latin1')
    if (command !== 'SPUBLISH' || second === undefined || key === undefined) continue
    deposits.push({ key, wakeTag: second.toString('hex', 1, 17) })
    key = undefined
  }
  return deposits
}

function* commandsIn(stream: Buffer): Generator<Buffer[]> {
  for (let at = stream.indexOf('\n*') + 1; at > 0 && at < stream.length; ) {
    const command = parseCommand(stream, at)
    if (command === undefined) {
      at = stream.indexOf('\n*', at) + 1
      continue
    }
    yield command.words
    at = command.end
  }
}

/** `*n` and n times `$length` and bytes; undefined where that is not what stands there. */
function parseCommand(stream: Buffer, start: number): { words: Buffer[]; end: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(stream.toString('latin1', start, start + 12))
  if (head === null) return undefined
  let at = start + head[0].length
  const words: Buffer[] = []
  for (let i = 0; i < Number(head[1]); i++) {
    const length = /^\$(\d+)\r\n/.exec(stream.toString('latin1', at, at + 12))
    if (length === null) return undefined
    at += length[0].length
    words.push(stream.subarray(at, at + Number(length[1])))
    at += Number(length[1]) + 2
  }
  return at <= stream.length ? { words, end: at } : undefined
}
