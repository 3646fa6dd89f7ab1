import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { eventually } from '../_util/wait.ts'

const ACKNOWLEDGE_MS = 1_000
const PARTITIONS = 4096
const CHANNELS_AT_ONCE = 512

/** Somebody who is connected to Redis and writes down all that it sends. */
export interface RedisListener {
  heard(): Buffer
  stop(): void
}

/** Says one thing after the other, each when what came before was answered: Redis takes no PSYNC while it owes a reply. */
async function listen(port: number, commands: readonly string[]): Promise<[RedisListener, Socket]> {
  const socket = connect({ port, host: '127.0.0.1' })
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {})
  await once(socket, 'connect')
  for (const command of commands) {
    const before = chunks.length
    socket.write(`${command}\r\n`)
    await eventually(() => chunks.length > before)
  }
  return [{ heard: () => Buffer.concat(chunks), stop: () => socket.destroy() }, socket]
}

/** Joins as a replica does: is sent everything that is there, and then every write. */
export async function joinAsReplica(port: number): Promise<RedisListener> {
  const [listener, socket] = await listen(port, ['REPLCONF capa eof capa psync2', 'PSYNC ? -1'])
  const timer = setInterval(() => socket.writable && socket.write('REPLCONF ACK 0\r\n'), ACKNOWLEDGE_MS)
  socket.once('close', () => clearInterval(timer))
  await eventually(() => isSynchronized(listener.heard()))
  return listener
}

/** The RDB part comes between two copies of a mark of 40 characters. */
function isSynchronized(heard: Buffer): boolean {
  const mark = /\$EOF:([0-9a-f]{40})\r\n/.exec(heard.toString('latin1'))?.[1]
  return mark !== undefined && heard.lastIndexOf(mark) > heard.indexOf(mark)
}

/** Hears every wake-up and claim, as any relay at 12 wake bits does. */
export async function subscribeToAll(port: number): Promise<RedisListener> {
  const channels = Array.from({ length: PARTITIONS }, (_, i) => `lethe1:{${i.toString(16).padStart(3, '0')}}:w`)
  const commands: string[] = []
  for (let i = 0; i < PARTITIONS; i += CHANNELS_AT_ONCE) {
    commands.push(`SSUBSCRIBE ${channels.slice(i, i + CHANNELS_AT_ONCE).join(' ')}`)
  }
  const [listener] = await listen(port, commands)
  await eventually(() => listener.heard().includes(`:${PARTITIONS}\r\n`))
  return listener
}

/** The sessions that claims, questions and answers have named: 8 bytes each. */
export function sessionsIn(heard: Buffer): Buffer[] {
  const messages = heard.toString('latin1').matchAll(/smessage\r\n\$\d+\r\nlethe1:[^\r]+\r\n\$25\r\n([\s\S]{25})\r\n/g)
  return [...messages].map(([, message = '']) => Buffer.from(message, 'latin1').subarray(17))
}
