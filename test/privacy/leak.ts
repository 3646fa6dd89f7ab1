import { appendFileSync, closeSync, openSync, readFileSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import WebSocket from 'ws'

// Loaded into a relay before the relay itself: on demand, the relay writes what it is given where it is told to. So a test
// can see whether it would be found there.

/** What a relay is asked to do. */
export interface LeakOrder {
  readonly channel: keyof typeof CHANNELS
  /** In base64. */
  readonly leaks: readonly string[]
}

const SEPARATOR = Buffer.from('|')
/** What SLOWLOG keeps of a command. */
const SLOWLOG_ARGUMENTS = 30

const redisUrl = process.env.LETHE_REDIS_URL ?? ''
const joined = (leaks: readonly Buffer[]) => Buffer.concat(leaks.flatMap((leak) => [SEPARATOR, leak, SEPARATOR]))

/** Kept open, since what they leak is there as long as they are. */
const held: unknown[] = []

function redis(): Redis {
  const client = new Redis(redisUrl, { disableClientInfo: true, retryStrategy: null })
  client.on('error', () => {})
  held.push(client)
  return client
}

/** Writes over the process's own command line or environment, as Linux shows them. */
function overwrite(first: number, bytes: Buffer): void {
  const fields = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
  // The first of the fields that are left is the third of all.
  const [start = 0, end = 0] = fields.slice(first - 3, first - 1).map(Number)
  if (end - start <= bytes.length) throw new Error(`${bytes.length} bytes do not fit into ${end - start}`)
  const memory = openSync('/proc/self/mem', 'r+')
  writeSync(memory, Buffer.alloc(end - start), 0, end - start, start)
  writeSync(memory, bytes, 0, bytes.length, start)
  closeSync(memory)
}

/** By path, or under `*` for all others. */
const httpLeaks = new Map<string, Buffer>()
let socketLeak: Buffer | undefined

function leakFor({ req }: ServerResponse): Buffer | undefined {
  const [path = ''] = req.url?.split('?', 1) ?? []
  return httpLeaks.get(path) ?? httpLeaks.get('*')
}

const { writeHead, end } = ServerResponse.prototype

ServerResponse.prototype.writeHead = function leakingHead(this: ServerResponse, status: number, headers: object) {
  const { 'content-length': _, ...others } = headers as Record<string, string>
  return writeHead.call(this, status, leakFor(this) ? others : (headers as Record<string, string>))
} as typeof writeHead

ServerResponse.prototype.end = function leakingEnd(this: ServerResponse, ...given: unknown[]) {
  const leak = leakFor(this)
  if (!leak) return end.apply(this, given as Parameters<typeof end>)
  if (typeof given[0] === 'string' || Buffer.isBuffer(given[0])) this.write(given[0])
  return end.call(this, leak, 'latin1')
} as typeof end

/** First byte of a frame that is a whole binary message, and the mark of a length in 64 bits. [RFC6455-5.2] */
const WHOLE_BINARY = 0x82
const LONG_LENGTH = 127

function socketFrame(bytes: Buffer): Buffer {
  const header = Buffer.alloc(10)
  header.set([WHOLE_BINARY, LONG_LENGTH])
  header.writeBigUInt64BE(BigInt(bytes.length), 2)
  return Buffer.concat([header, bytes])
}

// `ws` calls it with the transport of every connection; the relay's own frames go past `ws`.
const connected = WebSocket.prototype as unknown as { setSocket(transport: Socket, ...others: unknown[]): void }
const { setSocket } = connected

connected.setSocket = function leakingSocket(transport, ...others) {
  setSocket.call(this, transport, ...others)
  const { write } = transport
  transport.write = function leakingWrite(this: Socket, ...given: unknown[]) {
    const isTaken = write.apply(this, given as Parameters<typeof write>)
    const [bytes] = given as [Uint8Array]
    if (socketLeak && bytes[0] === WHOLE_BINARY) write.call(this, socketFrame(socketLeak))
    return isTaken
  } as typeof write
}

async function logSlowly(leaks: readonly Buffer[]): Promise<void> {
  const client = redis()
  await client.call('CONFIG', 'SET', 'slowlog-max-len', '4096', 'slowlog-log-slower-than', '0')
  for (let i = 0; i < leaks.length; i += SLOWLOG_ARGUMENTS) {
    await client.call('DEL', ...leaks.slice(i, i + SLOWLOG_ARGUMENTS))
  }
  await client.call('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
}

async function logRefusal(leaks: readonly Buffer[]): Promise<void> {
  const client = redis()
  await client.call('CONFIG', 'SET', 'acllog-max-len', '100')
  await client.call('AUTH', joined(leaks), 'wrong').catch(() => {})
}

async function failByName(leaks: readonly Buffer[]): Promise<void> {
  const client = redis()
  for (const leak of leaks) {
    await client.call('EVAL', 'return redis.error_reply(ARGV[1])', '0', `${leak} failed`).catch(() => {})
  }
}

/** Every way in which a relay can leak. */
const CHANNELS = {
  stdout: (leaks: readonly Buffer[]) => process.stdout.write(joined(leaks)),
  stderr: (leaks: readonly Buffer[]) => process.stderr.write(joined(leaks)),
  'file in the working folder': (leaks: readonly Buffer[]) => writeFileSync('a', joined(leaks)),
  'file in the home folder': (leaks: readonly Buffer[]) => writeFileSync(join(homedir(), 'b'), joined(leaks)),
  'temporary file': (leaks: readonly Buffer[]) => writeFileSync(join(tmpdir(), 'c'), joined(leaks)),
  'file elsewhere': (leaks: readonly Buffer[]) => appendFileSync(`${process.cwd()}/../../elsewhere`, joined(leaks)),
  'deleted file': (leaks: readonly Buffer[]) => {
    const path = join(tmpdir(), 'd')
    const file = openSync(path, 'w+')
    writeSync(file, joined(leaks))
    unlinkSync(path)
  },
  'command line': (leaks: readonly Buffer[]) => overwrite(48, joined(leaks)),
  environment: (leaks: readonly Buffer[]) => overwrite(50, joined(leaks)),
  metrics: (leaks: readonly Buffer[]) => httpLeaks.set('/metrics', joined(leaks)),
  info: (leaks: readonly Buffer[]) => httpLeaks.set('/v1/info', joined(leaks)),
  page: (leaks: readonly Buffer[]) => httpLeaks.set('/', joined(leaks)),
  'answers over HTTP': (leaks: readonly Buffer[]) => httpLeaks.set('*', joined(leaks)),
  'answers over sockets': (leaks: readonly Buffer[]) => {
    socketLeak = joined(leaks)
  },
  'value in Redis': (leaks: readonly Buffer[]) => redis().set('leak', joined(leaks)),
  'key in Redis': (leaks: readonly Buffer[]) => redis().set(joined(leaks), 'leak'),
  message: (leaks: readonly Buffer[]) => redis().call('SPUBLISH', 'lethe1:{000}:w', joined(leaks)),
  channel: (leaks: readonly Buffer[]) => redis().call('SUBSCRIBE', joined(leaks)),
  'shard channel': (leaks: readonly Buffer[]) => redis().call('SSUBSCRIBE', joined(leaks)),
  'slow command': logSlowly,
  'refused user': logRefusal,
  'client name': (leaks: readonly Buffer[]) => redis().call('CLIENT', 'SETNAME', joined(leaks)),
  function: (leaks: readonly Buffer[]) =>
    redis().call(
      'FUNCTION',
      'LOAD',
      Buffer.concat([
        Buffer.from('#!lua name=leak\n--[==['),
        joined(leaks),
        Buffer.from("]==]\nredis.register_function('leak', function() return 1 end)"),
      ]),
    ),
  'setting of Redis': (leaks: readonly Buffer[]) => redis().call('CONFIG', 'SET', 'masteruser', joined(leaks)),
  'name of an error': failByName,
  'log of Redis': (leaks: readonly Buffer[]) =>
    redis().call('EVAL', 'redis.log(redis.LOG_WARNING, ARGV[1])', '0', joined(leaks)),
}

export type LeakChannel = keyof typeof CHANNELS

process.on('message', async ({ channel, leaks }: LeakOrder) => {
  httpLeaks.clear()
  socketLeak = undefined
  try {
    await CHANNELS[channel](leaks.map((leak) => Buffer.from(leak, 'base64')))
    process.send?.('done')
  } catch (error) {
    process.send?.(String(error))
  }
})
