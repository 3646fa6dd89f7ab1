import { destination, pino } from 'pino'
import { EVENTS, type EventName, type EventRow, type EventWriter, type FieldType, TEXT } from './events.ts'

type Line = Record<string, string | number | boolean>

const TEXT_FORM = /^[\w.:+-]{1,64}$/

/** Of lines that cannot be written, so many bytes are kept until they can be; what comes beyond that is lost. */
const MAX_UNWRITTEN_BYTES = 65_536

/**
 * The log: JSON lines on standard error, each an event of the table with its level, its time and its fields. Whatever
 * else is given is left out, also what is no value of its field. Nothing about process or host.
 * @param level the least level that is written
 */
export function createLogger(level: string): EventWriter {
  const output = destination({ fd: 2, sync: true, maxLength: MAX_UNWRITTEN_BYTES })
  // A full disk would otherwise end the process, and nobody is served better for that.
  output.on('error', () => {})
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: allowListed },
    },
    output,
  )
  return (event, fields) => logger[EVENTS[event].level]({ ...fields, event })
}

/** What of a line may be written: its event, if there is one of that name, and the fields which that has. */
export function allowListed(line: Record<string, unknown>): Line {
  const { event } = line
  if (typeof event !== 'string' || !Object.hasOwn(EVENTS, event)) return {}
  const { fields }: EventRow = EVENTS[event as EventName]
  const kept: Line = { event }
  for (const [field, type] of Object.entries(fields)) {
    const value = line[field]
    if (fits(value, type)) kept[field] = value
  }
  return kept
}

function fits(value: unknown, type: FieldType): value is string | number | boolean {
  if (type === TEXT) return typeof value === 'string' && TEXT_FORM.test(value)
  if (type === 'number') return Number.isSafeInteger(value)
  if (type === 'boolean') return typeof value === 'boolean'
  return typeof value === 'string' && type.includes(value)
}
