import type { Logger } from 'pino'
import type { LogLine } from './logger.ts'

/** Everything that is ever logged: one function an event, about the process and its store, never about a message. */
export interface Events {
  listening(details: { port: number; adminPort: number; store: string; tls: boolean; version: string }): void
  draining(signal: string, seconds: number): void
  stopped(): void
  storeUp(): void
  storeDown(): void
  storeReplaced(): void
  /** Faults of one kind, counted; one line in ten seconds at most. */
  storeFault(fault: string): void
  certificateReloaded(): void
  certificateNotReloaded(): void
  /** Something nobody foresaw: the error's class and the place in the code, not its message, which may hold anything. */
  internalError(error: unknown): void
}

const FAULT_PERIOD_MS = 10_000

export function createEvents(logger: Logger): Events {
  const log = (level: 'info' | 'warn' | 'error', line: LogLine & { event: string }) => logger[level](line)
  const faults = new Map<string, number>()
  const reportFault = (fault: string) => {
    log('warn', { event: 'store-fault', fault, count: faults.get(fault) ?? 0 })
    faults.delete(fault)
  }
  return {
    listening: (details) => log('info', { event: 'listening', ...details }),
    draining: (signal, seconds) => log('info', { event: 'draining', signal, seconds }),
    stopped: () => log('info', { event: 'stopped' }),
    storeUp: () => log('info', { event: 'store-up' }),
    storeDown: () => log('warn', { event: 'store-down' }),
    storeReplaced: () => log('error', { event: 'store-replaced' }),
    storeFault(fault) {
      const count = faults.get(fault)
      faults.set(fault, (count ?? 0) + 1)
      if (count === undefined) setTimeout(() => reportFault(fault), FAULT_PERIOD_MS).unref()
    },
    certificateReloaded: () => log('info', { event: 'certificate-reloaded' }),
    certificateNotReloaded: () => log('error', { event: 'certificate-not-reloaded' }),
    internalError: (error) => log('error', { event: 'internal-error', ...placeOf(error) }),
  }
}

/** Class and first place in the stack; an error's message is left out. */
function placeOf(error: unknown): { errorName: string; place: string } {
  if (!(error instanceof Error)) return { errorName: 'unknown', place: 'unknown' }
  const frame = error.stack?.split('\n').find((line) => /^\s+at /.test(line)) ?? ''
  const place = /([\w.-]+\.[cm]?[jt]s:\d+:\d+)/.exec(frame)?.[1] ?? 'unknown'
  return { errorName: error.constructor.name, place }
}
