import { readEnvironment } from '../config/env.ts'
import { configSchema } from '../config/schema.ts'
import { InvalidValueError } from '../config/values.ts'
import { defineCommand } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'

const TIMEOUT_MS = 5_000
const LOOPBACK: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

export const healthcheckCommand = defineCommand({
  name: 'healthcheck',
  summary: 'ask the relay on this machine whether it is ready',
  options: {
    url: { value: 'URL', help: 'what to ask (default: /readyz where LETHE_ADMIN_HOST and LETHE_ADMIN_PORT say)' },
  },
  about: `
Exits with 0 where the relay says that it can serve, else with 1: for containers and scripts.`,
  async run({ values }) {
    const url = values.url ?? readinessUrl()
    const status = await ask(url)
    if (status !== 200) throw new Failure(EXIT.failed, `not ready: ${status ?? 'no answer'}`)
    process.stdout.write('ready\n')
    return EXIT.ok
  },
})

/** @throws Failure (78) for a port or host that the relay would refuse too */
function readinessUrl(): string {
  const env = readEnvironment()
  const { adminHost, adminPort } = configSchema
  try {
    const host = adminHost.parse(env[adminHost.env] ?? adminHost.default)
    const port = adminPort.parse(env[adminPort.env] ?? adminPort.default)
    const reachable = LOOPBACK[host] ?? host
    return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}/readyz`
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error
    throw new Failure(EXIT.config, `${adminHost.env} or ${adminPort.env} ${error.message}`)
  }
}

/** Status of the answer, undefined where there is none. @throws Failure (64) for what is no URL */
async function ask(url: string): Promise<number | undefined> {
  if (!URL.canParse(url)) throw new Failure(EXIT.usage, 'lethe healthcheck: --url takes a URL')
  try {
    const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
    await answer.body?.cancel()
    return answer.status
  } catch {
    return undefined
  }
}
