import type { Config } from './config.ts'
import { configRows, type Variable } from './schema.ts'
import { MASK } from './secrets.ts'

/** One variable as `lethe config` shows it: all text, secrets masked, `not set` for "none". */
export interface ConfigLine {
  readonly variable: string
  readonly value: string
  readonly origin: string
  readonly takes: string
}

/** Every variable in the order of the schema, with its value and where that came from. */
export function describeConfig(config: Config): ConfigLine[] {
  return configRows.map(([key, row]) => ({
    variable: row.env,
    value: showValue(row, config[key]) || 'not set',
    origin: config.valueOrigins[key],
    takes: row.takes,
  }))
}

/** Every variable in the order of the schema, with what it takes and its default. */
export function describeVariables(): { variable: string; takes: string; default: string }[] {
  return configRows.map(([, row]) => ({ variable: row.env, takes: row.takes, default: row.default || 'not set' }))
}

function showValue(row: Variable<unknown>, value: unknown): string {
  if (value === undefined) return ''
  if (row.show !== undefined) return row.show(value)
  if (row.secret) return MASK
  return Array.isArray(value) ? value.join(',') : String(value)
}
