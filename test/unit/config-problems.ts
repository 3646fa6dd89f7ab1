import { randomBytes } from 'node:crypto'
import { type Config, ConfigError, loadConfig } from '../../src/config/config.ts'

export type Environment = Record<string, string | undefined>

/** The problems of an environment, each as its message under the name of its variable; none where it is good. */
export function problemsOf(env: Environment): Record<string, string> {
  const outcome = attempt(env)
  if (!(outcome instanceof ConfigError)) return {}
  return Object.fromEntries(outcome.problems.map(({ variable, message }) => [variable, message]))
}

/** The configuration, or the ConfigError; whatever else is thrown goes through. */
export function attempt(env: Environment): Config | ConfigError {
  try {
    return loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

/** Text of a good LETHE_STORE_SECRET. */
export function randomSecret(bytes = 32): string {
  return randomBytes(bytes).toString('base64url')
}

/** The variables that a relay on Redis needs. */
export function redisEnvironment(url = 'redis://127.0.0.1:6379'): Record<string, string> {
  return { LETHE_REDIS_URL: url, LETHE_STORE_SECRET: randomSecret() }
}

/** Text in quotes for the name of an assertion: in ASCII, since TAP breaks at every line separator, and not too long. */
export function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80)).replace(
    /[^ -~]/g,
    (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
