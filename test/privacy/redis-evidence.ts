import { Redis } from 'ioredis'
import type { Evidence } from './evidence.ts'
import type { RedisProcess } from './redis-process.ts'
import type { Surface } from './surfaces.ts'

type Command = readonly [name: string, ...args: (string | number | Buffer)[]]

/** What Redis is asked, by the surface that the answer belongs to. */
const QUESTIONS: Partial<Record<Surface, readonly Command[]>> = {
  'Redis: channels': [
    ['PUBSUB', 'CHANNELS'],
    ['PUBSUB', 'SHARDCHANNELS'],
    ['PUBSUB', 'NUMPAT'],
  ],
  'Redis: SLOWLOG': [['SLOWLOG', 'GET', -1]],
  'Redis: ACL LOG': [
    ['ACL', 'LOG', 1_000],
    ['ACL', 'LIST'],
    ['ACL', 'USERS'],
  ],
  'Redis: CLIENT LIST': [['CLIENT', 'LIST']],
  'Redis: functions': [
    ['FUNCTION', 'LIST', 'WITHCODE'],
    ['FUNCTION', 'DUMP'],
    ['FUNCTION', 'STATS'],
    ['MODULE', 'LIST'],
  ],
  'Redis: INFO and figures': [
    ['INFO', 'EVERYTHING'],
    ['MEMORY', 'STATS'],
    ['MEMORY', 'DOCTOR'],
    ['MEMORY', 'MALLOC-STATS'],
    ['LATENCY', 'LATEST'],
    ['LATENCY', 'DOCTOR'],
    ['LATENCY', 'HISTOGRAM'],
    ['CONFIG', 'GET', '*'],
    ['ROLE'],
    ['DBSIZE'],
    ['LASTSAVE'],
  ],
}

/** What is asked of every key; some of it fails for what is no stream. */
const KEY_QUESTIONS: readonly ((key: Buffer) => Command)[] = [
  (key) => ['DUMP', key],
  (key) => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', 0],
  (key) => ['TYPE', key],
  (key) => ['PEXPIRETIME', key],
  (key) => ['OBJECT', 'ENCODING', key],
  (key) => ['OBJECT', 'IDLETIME', key],
  (key) => ['MEMORY', 'USAGE', key, 'SAMPLES', 0],
]

/** An answer as bytes, whatever it is made of. */
function flatten(answer: unknown): Buffer {
  if (Buffer.isBuffer(answer)) return answer
  if (Array.isArray(answer)) return Buffer.concat(answer.flatMap((item) => [flatten(item), Buffer.from('\n')]))
  if (answer instanceof Map) return flatten([...answer.entries()])
  return Buffer.from(typeof answer === 'object' ? JSON.stringify(answer) : String(answer))
}

async function ask(client: Redis, [name, ...args]: Command): Promise<Buffer> {
  try {
    return flatten(await client.callBuffer(name, ...args))
  } catch (error) {
    return Buffer.from(String(error))
  }
}

/** Takes everything that Redis can be made to tell at this moment. @returns the names of the keys */
export async function collectRedis(evidence: Evidence, redis: RedisProcess, when: string): Promise<string[]> {
  const client = new Redis({ port: redis.port, host: '127.0.0.1', disableClientInfo: true })
  try {
    // Before anything is asked that the answers themselves might show.
    for (const [surface, commands] of Object.entries(QUESTIONS) as [Surface, Command[]][]) {
      for (const command of commands) {
        const question = Buffer.from(`${command.join(' ')}\n`)
        evidence.add(surface, Buffer.concat([question, await ask(client, command)]), `${command.join(' ')}, ${when}`)
      }
    }
    const keys: Buffer[] = []
    for await (const page of client.scanBufferStream({ count: 1_000 })) keys.push(...page)
    for (const key of keys) {
      const answers = await Promise.all(KEY_QUESTIONS.map((question) => ask(client, question(key))))
      evidence.add('Redis: names of keys', key, `${key}, ${when}`)
      evidence.add('Redis: values of keys', flatten(answers), `${key}, ${when}`)
    }
    evidence.add('Redis: RDB file', await redis.save(), when)
    return keys.map(String)
  } finally {
    client.disconnect()
  }
}
