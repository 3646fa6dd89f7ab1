import { destination, type Logger, pino } from 'pino'

/** Every field that a log line may have. Whatever else is given is left out: a line is what is listed here, or nothing. */
export const LOG_FIELDS = [
  'event',
  'port',
  'adminPort',
  'store',
  'tls',
  'version',
  'commit',
  'signal',
  'seconds',
  'fault',
  'count',
  'errorName',
  'place',
] as const

export type LogField = (typeof LOG_FIELDS)[number]
export type LogLine = Partial<Record<LogField, string | number | boolean | null>>

/** Writes JSON lines to standard error: level, time, and the listed fields. Nothing about process or host. */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: allowListed },
    },
    destination({ fd: 2, sync: true }),
  )
}

function allowListed(line: Record<string, unknown>): LogLine {
  const kept: LogLine = {}
  for (const field of LOG_FIELDS) {
    const value = line[field]
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') kept[field] = value
  }
  return kept
}
