import type { Clock } from '../mailbox/ports.ts'
import { UNSAFE_BY, type UnsafeBy } from '../mailbox/store-facts.ts'
import { systemClock } from '../mailbox/system-ports.ts'
import { Aggregates } from './aggregates.ts'
import { placeOf } from './error-place.ts'
import { METRICS } from './metrics-table.ts'

/** What a field holds: a number, a yes or no, one of a list, or a TEXT that the software itself has made. */
export type FieldType = 'number' | 'boolean' | typeof TEXT | readonly string[]

/** One event, whole: from this the log's allow-list is made, and the events are documented. */
export interface EventRow {
  readonly level: 'info' | 'warn' | 'error' | 'fatal'
  /** What it says, to follow "that". */
  readonly tells: string
  readonly fields: Readonly<Record<string, FieldType>>
}

/** Stands for short text of letters, digits and `. : + - _`, such as a version or the place of an error in the code. */
export const TEXT = 'text'

/**
 * Everything that is ever logged: about the process and its store, never about an envelope, request, mailbox or
 * connection. Besides its own fields a line has `level`, `time` and `event`.
 */
export const EVENTS = {
  listening: {
    level: 'info',
    tells: 'the relay takes connections',
    fields: {
      port: 'number',
      adminPort: 'number',
      store: ['memory', 'node', 'sentinel', 'cluster'],
      tls: 'boolean',
      metricsExact: 'boolean',
      version: TEXT,
      commit: TEXT,
    },
  },
  draining: {
    level: 'info',
    tells: 'it was told to stop, and by when it will have',
    fields: { signal: ['SIGTERM', 'SIGINT'], seconds: 'number' },
  },
  stopped: { level: 'info', tells: 'it has stopped', fields: {} },
  'store-up': { level: 'info', tells: 'the store answers', fields: {} },
  'store-down': { level: 'warn', tells: 'the store does not answer', fields: {} },
  'store-replaced': {
    level: 'error',
    tells: 'the store came back as another one, so that what it held may be gone',
    fields: {},
  },
  'store-fault': {
    level: 'warn',
    tells: 'the store did not do something, and how often at least; once a minute',
    fields: { fault: METRICS.storeFaults.labels.fault, atLeast: 'number' },
  },
  'unsafe-store': {
    level: 'warn',
    tells:
      'a setting of the store may keep what the relay erases: one line for each, how many there are, and whether the store is used all the same',
    fields: { by: UNSAFE_BY, count: 'number', used: 'boolean' },
  },
  'certificate-reloaded': { level: 'info', tells: 'a renewed certificate is in use', fields: {} },
  'certificate-not-reloaded': {
    level: 'error',
    tells: 'a renewed certificate cannot be used, and the old one stays',
    fields: {},
  },
  'internal-error': {
    level: 'error',
    tells:
      'something nobody foresaw went wrong: what kind of error at which place in the code, and how often at least; once a minute',
    fields: { errorName: TEXT, place: TEXT, atLeast: 'number' },
  },
  crashed: {
    level: 'fatal',
    tells: 'it ends because of an error nobody foresaw: of what kind, at which place in the code',
    fields: { errorName: TEXT, place: TEXT },
  },
} as const satisfies Record<string, EventRow>

export type EventName = keyof typeof EVENTS

type ValueOf<Type> = Type extends readonly (infer Value)[]
  ? Value
  : Type extends 'number'
    ? number
    : Type extends 'boolean'
      ? boolean
      : string | null

/** The fields of one event, with a value each. */
export type EventFields<E extends EventName> = {
  readonly [F in keyof (typeof EVENTS)[E]['fields']]: ValueOf<(typeof EVENTS)[E]['fields'][F]>
}

/** Writes one line. */
export type EventWriter = <E extends EventName>(event: E, fields: EventFields<E>) => void

/** One function an event; some gather what they are told and write a line a minute. */
export interface Events {
  listening(fields: EventFields<'listening'>): void
  draining(signal: EventFields<'draining'>['signal'], seconds: number): void
  /** The last one: whatever was gathered is written before it. */
  stopped(): void
  storeUp(): void
  storeDown(): void
  storeReplaced(): void
  storeFault(fault: EventFields<'store-fault'>['fault']): void
  /** What the store is unsafe by now, and whether it is used all the same. */
  unsafeStore(unsafeBy: readonly UnsafeBy[], isUsed: boolean): void
  certificateReloaded(): void
  certificateNotReloaded(): void
  /** Its class and its place in the code are kept, not its message, which may hold anything. */
  internalError(error: unknown): void
  /** The same at once, of an error that ends the process. */
  crashed(error: unknown): void
}

export function createEvents(write: EventWriter, clock: Clock = systemClock): Events {
  const faults = new Aggregates<EventFields<'store-fault'>['fault']>(clock, (fault, atLeast) =>
    write('store-fault', { fault, atLeast }),
  )
  const errors = new Aggregates<EventFields<'crashed'>>(clock, (error, atLeast) =>
    write('internal-error', { ...error, atLeast }),
  )
  const flush = () => {
    faults.flush()
    errors.flush()
  }
  return {
    listening: (fields) => write('listening', fields),
    draining: (signal, seconds) => write('draining', { signal, seconds }),
    stopped() {
      flush()
      write('stopped', {})
    },
    storeUp: () => write('store-up', {}),
    storeDown: () => write('store-down', {}),
    storeReplaced: () => write('store-replaced', {}),
    storeFault: (fault) => faults.add(fault, fault),
    unsafeStore(unsafeBy, isUsed) {
      for (const by of unsafeBy) write('unsafe-store', { by, count: unsafeBy.length, used: isUsed })
    },
    certificateReloaded: () => write('certificate-reloaded', {}),
    certificateNotReloaded: () => write('certificate-not-reloaded', {}),
    internalError(error) {
      const description = placeOf(error)
      errors.add(`${description.errorName} ${description.place}`, description)
    },
    crashed(error) {
      flush()
      write('crashed', placeOf(error))
    },
  }
}
