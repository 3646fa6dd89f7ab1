import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CanaryBook } from './canaries.ts'
import { Evidence } from './evidence.ts'
import { MailboxMaker, Person, type Role } from './people.ts'
import { collectRedis } from './redis-evidence.ts'
import { joinAsReplica, type RedisListener, sessionsIn, subscribeToAll } from './redis-listeners.ts'
import { type RedisProcess, startRedisProcess } from './redis-process.ts'
import { collectAnswers, collectProcess, collectWritten } from './relay-evidence.ts'
import { type RelayOptions, type RelayProcess, startRelayProcess } from './relay-process.ts'
import type { Surface } from './surfaces.ts'

/** Small sizes, so that little of what is searched is random; small limits, so that they are soon reached. */
const LIMITS = {
  LETHE_ENVELOPE_BYTES: '1000,4000',
  LETHE_BUCKET_BYTES: '16000',
  LETHE_MAX_CHANNELS: '4',
  LETHE_DRAIN_SECONDS: '3',
  LETHE_LOG_LEVEL: 'debug',
}

const USERS = new URL('../../../deploy/redis/users.acl', import.meta.url)

/** What the relay's user may do by deploy/redis/users.acl. */
export function relayRights(): string[] {
  const line = readFileSync(USERS, 'utf8')
    .split('\n')
    .find((text) => text.startsWith('user lethe '))
  return line?.split(' ').slice(2) ?? []
}

/** Where the secrets of a relay come from. */
type Given = 'environment' | 'files'

/** Redis, relays and people, and everything that is known and was collected about them. */
export class Town {
  readonly book = new CanaryBook()
  readonly evidence = new Evidence()
  readonly secrets: readonly [Buffer, Buffer] = [randomBytes(32), randomBytes(32)]
  readonly mailboxes = new MailboxMaker(this.book, this.secrets)
  readonly redis: RedisProcess
  readonly #folder: string
  readonly #password = randomBytes(24).toString('base64url')
  readonly #relays = new Map<RelayProcess, Surface>()
  readonly #people: Person[] = []
  #listeners: [name: 'replication' | 'messages', listener: RedisListener][] = []

  private constructor(redis: RedisProcess, folder: string) {
    this.redis = redis
    this.#folder = folder
    this.book.add('redisPassword', this.#password)
  }

  /** Where relays find Redis, with their password. */
  get redisUrl(): string {
    return `redis://lethe:${this.#password}@127.0.0.1:${this.redis.port}`
  }

  /** A Redis with the relay's user, somebody who replicates it and somebody who hears its messages. */
  static async found(): Promise<Town> {
    const town = new Town(await startRedisProcess(), await mkdtemp(join(tmpdir(), 'lethe-secrets-')))
    await town.furnishRedis().catch(async (error) => {
      await town.leave()
      throw error
    })
    return town
  }

  /** What a Redis that has just started lacks. */
  async furnishRedis(): Promise<void> {
    const { port } = this.redis
    await this.redis.cli('ACL', 'SETUSER', 'lethe', ...relayRights(), `>${this.#password}`)
    this.#listeners.push(['replication', await joinAsReplica(port)], ['messages', await subscribeToAll(port)])
  }

  person(name: string, role: Role): Person {
    const person = new Person(this.book, name, role)
    this.#people.push(person)
    return person
  }

  /** A relay on the Redis, with both secrets. */
  async relay(name: string, given: Given, others: Partial<RelayOptions> = {}): Promise<RelayProcess> {
    const live = this.secrets[0].toString('base64url')
    const older = this.secrets[1].toString('base64url')
    const secrets =
      given === 'environment'
        ? { LETHE_STORE_SECRET: live, LETHE_STORE_SECRETS_READ: older, LETHE_REDIS_URL: this.redisUrl }
        : {
            LETHE_STORE_SECRET_FILE: await this.#secretFile('live', live),
            LETHE_STORE_SECRETS_READ_FILE: await this.#secretFile('older', older),
            LETHE_REDIS_URL: `redis://127.0.0.1:${this.redis.port}`,
          }
    return this.startRelay(given, { name, ...others, env: { ...LIMITS, ...secrets, ...others.env } })
  }

  /** Any relay. */
  async startRelay(given: Given, options: RelayOptions): Promise<RelayProcess> {
    const relay = await startRelayProcess(options)
    this.#relays.set(relay, given === 'environment' ? 'environment with secrets' : 'environment with secret files')
    return relay
  }

  /** Takes everything that can be seen now of these relays, and of Redis. @returns names of the keys in Redis */
  async collect(relays: readonly RelayProcess[], when: string, evidence = this.evidence): Promise<string[]> {
    for (const relay of relays) {
      collectProcess(evidence, relay, this.#relays.get(relay) as Surface, when)
      collectWritten(evidence, relay, when)
      await collectAnswers(evidence, relay, when)
    }
    return collectRedis(evidence, this.redis, when)
  }

  /** Takes what is there at the end: what was written, sent and heard. */
  async collectRest(evidence = this.evidence, people: readonly Person[] = this.#people): Promise<void> {
    for (const relay of this.#relays.keys()) collectWritten(evidence, relay, 'in the end')
    for (const person of people) await person.collect(evidence, 'in the end')
    for (const [name, listener] of this.#listeners) evidence.add(`Redis: ${name}`, listener.heard(), 'in the end')
    evidence.add('Redis: log', this.redis.log(), 'in the end')
    const heard = this.#listeners.map(([, listener]) => listener.heard())
    for (const session of sessionsIn(Buffer.concat(heard))) this.book.add('session', session)
  }

  async leave(): Promise<void> {
    for (const [, listener] of this.#listeners) listener.stop()
    await Promise.all(this.#people.map((person) => person.leave()))
    await Promise.all([...this.#relays.keys()].map((relay) => relay.remove()))
    await this.redis.remove()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #secretFile(name: string, secret: string): Promise<string> {
    const path = join(this.#folder, name)
    await writeFile(path, `${secret}\n`, { mode: 0o600 })
    return path
  }
}
