import { type Relay, StartError, startRelay } from './app.ts'
import { type Config, ConfigError, loadConfig } from './config/config.ts'
import { readEnvironment } from './config/env.ts'
import { configSchema } from './config/schema.ts'
import { UnsafeStoreError } from './disclosure/store-guard.ts'
import { createEvents, type Events } from './telemetry/events.ts'
import { createLogger } from './telemetry/logger.ts'
import { readVersion } from './version.ts'

/** Where the commands look for a relay unless they are told. */
const USUAL_URL = `http://localhost:${configSchema.port.default}`

const EXIT_CONFIG = 78
const EXIT_FAILED = 1
const EXIT_SOFTWARE = 70

/** Runs a relay until SIGTERM or SIGINT, then drains it. @returns the exit code */
export async function serve(): Promise<number> {
  let config: Config
  try {
    config = loadConfig(readEnvironment())
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return EXIT_CONFIG
  }
  const events = createEvents(createLogger(config.logLevel))
  crashSilently(events)
  const stop = nextSignal()
  let relay: Relay
  try {
    relay = await startRelay(config, { events })
  } catch (error) {
    process.stderr.write(`${startProblem(error, config)}\n`)
    return EXIT_FAILED
  }
  if (config.store.kind === 'memory' || process.stdout.isTTY) process.stdout.write(greeting(config, relay))
  const signal = await stop
  events.draining(signal, config.drainSeconds)
  await relay.drain()
  events.stopped()
  return 0
}

/** The first signal drains; a second one ends the process as if nothing had been asked. */
function nextSignal(): Promise<'SIGTERM' | 'SIGINT'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
}

// Node would print the error, which may hold a piece of anybody's envelope.
function crashSilently(events: Events): void {
  const crash = (error: unknown) => {
    events.crashed(error)
    process.exit(EXIT_SOFTWARE)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
}

function startProblem(error: unknown, { host, port, adminHost, adminPort }: Config): string {
  if (error instanceof UnsafeStoreError || error instanceof StartError) return error.message
  const { code, port: failedPort } = error as { code?: string; port?: number }
  const isAdmin = failedPort === adminPort && failedPort !== port
  const [portName, hostName, where] = isAdmin
    ? ['LETHE_ADMIN_PORT', 'LETHE_ADMIN_HOST', `${adminHost}:${adminPort}`]
    : ['LETHE_PORT', 'LETHE_HOST', `${host}:${port}`]
  if (code === 'EADDRINUSE') return `${portName}: ${where} is in use; choose another port`
  if (code === 'EACCES') return `${portName}: this user may not listen on ${where}; choose a port above 1023`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `${hostName}: ${where} is no address of this machine`
  return `the relay could not start (${code ?? 'unknown error'})`
}

function greeting(config: Config, relay: Relay): string {
  const url = relay.publicOrigins[0] as string
  const isMemory = config.store.kind === 'memory'
  const relayOption = url === USUAL_URL ? '' : ` --relay ${url}`
  const lines = [
    `Lethe ${readVersion().version} listens on ${url}`,
    '',
    isMemory
      ? 'It keeps envelopes in its own memory and forgets all of them when it exits. To keep them in Redis'
      : 'It keeps envelopes in Redis.',
    ...(isMemory ? ['instead, set LETHE_REDIS_URL and LETHE_STORE_SECRET (see docs/configuration.md).'] : []),
    '',
    'What to try next, in another terminal:',
    ...table([
      ['npx lethe mailbox new', 'make a mailbox, which prints its address'],
      [`echo hello | npx lethe send ADDRESS${relayOption}`, 'send to that address'],
      [`npx lethe receive${relayOption}`, 'read what waits there'],
      ['npm run demo', 'two people, one of whom goes offline'],
    ]),
    '',
    `The page for people is ${url}/, health and metrics are on http://${adminAddress(config)}:${relay.adminPort}.`,
    'Ctrl-C stops it.',
  ]
  return `\n${lines.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')}\n\n`
}

function table(rows: readonly [command: string, meaning: string][]): string[] {
  const width = Math.max(...rows.map(([command]) => command.length))
  return rows.map(([command, meaning]) => `  ${command.padEnd(width)}   ${meaning}`)
}

function adminAddress({ adminHost }: Config): string {
  return adminHost.includes(':') ? `[${adminHost}]` : adminHost
}
