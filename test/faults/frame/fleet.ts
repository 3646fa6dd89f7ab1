import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { exited, killOnExit, terminate } from '../../_util/child-process.ts'
import { findFreePort } from '../../_util/ports.ts'
import type { AilmentName } from './ailment.ts'
import type { Scope } from './scope.ts'

const CLI = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const PLANTED_BUG = fileURLToPath(new URL('./planted-bug.js', import.meta.url))
const AILMENT = fileURLToPath(new URL('./ailment.js', import.meta.url))
const START_MS = 30_000
const STOP_GRACE_MS = 30_000
const DRAIN_SECONDS = 5
/** A bucket takes all that comes to one mailbox in the longest row. */
const BUCKET_BYTES = 256_000_000

/** Where a relay runs, and what its process is started by. */
export interface Berth {
  /** Address it listens on. */
  readonly host: string
  /** For example `['ip', 'netns', 'exec', 'name']`. */
  readonly launcher: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** What it gets with `fallIll`. */
  readonly ailment?: AilmentName
  /** What it logs to, in place of being read here. */
  readonly logFile?: string
}

/** One relay at its place: it may end and be started again, and is then reached as before. */
export class RelayProcess {
  readonly url: string
  readonly #adminUrl: string
  readonly #berth: Berth
  readonly #nodeOptions: readonly string[]
  readonly #env: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #log = ''
  #hasDied = false

  constructor(berth: Berth, ports: readonly [number, number], env: Readonly<Record<string, string>>, bug?: string) {
    const [port, adminPort] = ports
    this.#berth = berth
    this.url = `http://${berth.host}:${port}`
    this.#adminUrl = `http://${berth.host}:${adminPort}`
    const preloads = [...(bug === undefined ? [] : [PLANTED_BUG]), ...(berth.ailment === undefined ? [] : [AILMENT])]
    this.#nodeOptions = preloads.flatMap((file) => ['--import', file])
    this.#env = {
      LETHE_HOST: berth.host,
      LETHE_PORT: String(port),
      LETHE_ADMIN_HOST: berth.host,
      LETHE_ADMIN_PORT: String(adminPort),
      LETHE_PUBLIC_ORIGIN: this.url,
      LETHE_ADMISSION: 'open',
      LETHE_LOG_LEVEL: 'debug',
      LETHE_DRAIN_SECONDS: String(DRAIN_SECONDS),
      LETHE_BUCKET_BYTES: String(BUCKET_BYTES),
      ...env,
      ...berth.env,
      ...(bug === undefined ? {} : { PLANTED_BUG: bug }),
      ...(berth.ailment === undefined ? {} : { AILMENT: berth.ailment }),
    }
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Whether it has ever ended without being told to. */
  get hasDied(): boolean {
    return this.#hasDied
  }

  /** All that it and its predecessors have logged, if not to a file. */
  get log(): string {
    return this.#log
  }

  /** Resolves when it says that it is ready. */
  async start(): Promise<void> {
    const { PATH = '', HOME = '' } = process.env
    const command = [...this.#berth.launcher, 'env', '-u', 'NODE_OPTIONS', process.execPath, ...this.#nodeOptions]
    const { logFile } = this.#berth
    const log = logFile === undefined ? 'pipe' : openSync(logFile, 'a')
    const child = spawn(command[0] as string, [...command.slice(1), CLI, 'serve'], {
      env: { PATH, HOME, ...this.#env },
      stdio: ['ignore', 'ignore', log],
    })
    if (log !== 'pipe') closeSync(log)
    killOnExit(child)
    child.once('exit', () => {
      this.#hasDied ||= child === this.#child
    })
    child.on('error', (error) => {
      this.#log += `${error}\n`
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
    })
    this.#child = child
    const untilMs = performance.now() + START_MS
    while (!(await this.isReady())) {
      if (!this.isRunning || performance.now() > untilMs) throw new Error(`a relay did not start:\n${this.#log}`)
      await sleep(50)
    }
  }

  async isReady(): Promise<boolean> {
    return await fetch(`${this.#adminUrl}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
      ({ status }) => status === 200,
      () => false,
    )
  }

  /** SIGTERM, as an operator ends it. */
  async stop(): Promise<void> {
    const child = this.#giveUp()
    if (child !== undefined) await terminate(child, STOP_GRACE_MS)
  }

  /** SIGKILL */
  async kill(): Promise<void> {
    const child = this.#giveUp()
    child?.kill('SIGKILL')
    if (child !== undefined) await exited(child)
  }

  /** What ails it begins, or goes on. */
  fallIll(): void {
    this.signal('SIGHUP')
  }

  signal(name: NodeJS.Signals): void {
    if (this.isRunning) this.#child?.kill(name)
  }

  /** Its process is none of its own any more, and may end. */
  #giveUp(): ChildProcess | undefined {
    const child = this.#child
    this.#child = undefined
    return child
  }
}

/** The relays of one store. */
export class Fleet {
  readonly relays: readonly RelayProcess[]

  readonly #bug: string | undefined

  private constructor(relays: readonly RelayProcess[], bug: string | undefined) {
    this.relays = relays
    this.#bug = bug
  }

  get urls(): readonly string[] {
    return this.relays.map(({ url }) => url)
  }

  get one(): RelayProcess {
    return this.relays[0] as RelayProcess
  }

  /** Has bugs that show only when something fails come out. */
  provoke(): void {
    if (this.#bug !== undefined) for (const relay of this.relays) relay.signal('SIGUSR2')
  }

  /** What no relay should ever do, or write into its log. */
  get complaints(): string[] {
    const lines = this.relays.flatMap(({ log }) => log.split('\n'))
    return [
      ...lines.filter((line) => /internal-error|crashed/.test(line)),
      ...this.relays.flatMap(({ hasDied }) => (hasDied ? ['a relay ended by itself'] : [])),
    ]
  }

  /** @param bug which of those of `planted-bug.ts` each of them has */
  static async start(
    scope: Scope,
    berths: readonly Berth[],
    env: Readonly<Record<string, string>>,
    bug?: string,
  ): Promise<Fleet> {
    const secret = { LETHE_STORE_SECRET: randomBytes(32).toString('base64url') }
    const relays: RelayProcess[] = []
    for (const berth of berths) {
      const ports = [await findFreePort(), await findFreePort()] as const
      relays.push(new RelayProcess(berth, ports, { ...env, ...secret }, bug))
    }
    scope.defer(async () => {
      for (const relay of relays) relay.signal('SIGCONT')
      await Promise.all(relays.map((relay) => relay.kill()))
    })
    await Promise.all(relays.map((relay) => relay.start()))
    return new Fleet(relays, bug)
  }
}
