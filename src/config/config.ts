import { findConflicts } from './checks.ts'
import { readSecretFile } from './files.ts'
import { type ConfigProblem, createProblem } from './problem.ts'
import { type ConfigKey, type ConfigValues, configRows, type Variable } from './schema.ts'
import { createUnknownProblem } from './unknown-variable.ts'
import { InvalidValueError } from './values.ts'

/** Where a value came from. */
type ValueOrigin = 'default' | 'environment' | `file LETHE_${string}_FILE`

/** Everything the relay can be told, validated and deeply frozen, and where each value came from. */
export type Config = ConfigValues & { readonly valueOrigins: Readonly<Record<ConfigKey, ValueOrigin>> }

/** The configuration cannot be used. Holds every problem that was found, and no secret. */
export class ConfigError extends Error {
  readonly code = 'ERR_CONFIG'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ message }) => message).join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/** Where the text of one row is, and the variable that is to blame when it is not valid. */
interface Source {
  readonly from: string
  readonly origin: ValueOrigin
  read(): string
}

/**
 * Reads the configuration from LETHE_ variables, and the files that some of them name; everything else in `env` is
 * passed over.
 * @throws ConfigError with all problems at once
 */
export function loadConfig(env: Environment): Config {
  const problems: ConfigProblem[] = []
  const broken = new Set<ConfigKey>()
  const values: Partial<Record<ConfigKey, unknown>> = {}
  const valueOrigins: Partial<Record<ConfigKey, ValueOrigin>> = {}
  for (const [key, row] of configRows) {
    const source = findSource(row, env)
    try {
      values[key] = readValue(row, source)
      valueOrigins[key] = source.origin
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error
      problems.push(createProblem(row, error.message, source.from))
      broken.add(key)
    }
  }
  const complete = lowerDefaultTtl(values as ConfigValues, valueOrigins)
  problems.push(...findConflicts(complete, broken), ...findUnknown(env))
  if (problems.length > 0) throw new ConfigError(problems)
  return deepFreeze({ ...complete, valueOrigins: valueOrigins as Record<ConfigKey, ValueOrigin> })
}

function findSource(row: Variable<unknown>, env: Environment): Source {
  const text = env[row.env]
  const fileEnv = `${row.env}_FILE` as const
  const path = row.file ? env[fileEnv] : undefined
  if (path === undefined) {
    return text === undefined
      ? { from: row.env, origin: 'default', read: () => row.default }
      : { from: row.env, origin: 'environment', read: () => text }
  }
  if (text === undefined) return { from: fileEnv, origin: `file ${fileEnv}`, read: () => readSecretFile(path) }
  const refuse = () => {
    throw new InvalidValueError(`and ${fileEnv} are both set: only one of them may be`)
  }
  return { from: row.env, origin: 'environment', read: refuse }
}

function readValue(row: Variable<unknown>, source: Source): unknown {
  const text = source.read()
  if (text === '' && source.origin !== 'default' && !row.mayBeEmpty) throw new InvalidValueError('is empty')
  return row.parse(text)
}

/** A default lifetime that nobody chose does not stand in the way of a shorter longest one. */
function lowerDefaultTtl(values: ConfigValues, origins: Partial<Record<ConfigKey, ValueOrigin>>): ConfigValues {
  if (origins.defaultTtlSeconds !== 'default' || origins.maxTtlSeconds === undefined) return values
  return { ...values, defaultTtlSeconds: Math.min(values.defaultTtlSeconds, values.maxTtlSeconds) }
}

function findUnknown(env: Environment): ConfigProblem[] {
  const known = configRows.flatMap(([, row]) => (row.file ? [row.env, `${row.env}_FILE`] : [row.env]))
  return Object.keys(env)
    .filter((name) => name.startsWith('LETHE_') && env[name] !== undefined && !known.includes(name))
    .map((name) => createUnknownProblem(name, known))
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  return Object.freeze(value)
}
