import { ClientError, type ClientErrorCode } from '../client/index.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'

/** Ends a command with an exit code and one line for people. */
export class Failure extends Error {
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string) {
    super(message)
    this.name = 'Failure'
    this.exitCode = exitCode
  }
}

const EXIT_BY_CODE: Partial<Record<ClientErrorCode, ExitCode>> = {
  ERR_NETWORK: EXIT.relayUnavailable,
  ERR_STORE_UNAVAILABLE: EXIT.tryAgainLater,
  ERR_RATE_LIMITED: EXIT.tryAgainLater,
  ERR_DRAINING: EXIT.tryAgainLater,
  ERR_MAILBOX_FULL: EXIT.tryAgainLater,
  ERR_RELAY_URL: EXIT.usage,
  ERR_MAILBOX_TEXT: EXIT.config,
}

/** What an error that ended a command means to whoever called it: a line and an exit code, never a stack. */
export function describeFailure(error: unknown): { message: string; exitCode: ExitCode } {
  if (error instanceof Failure) return { message: error.message, exitCode: error.exitCode }
  if (error instanceof ClientError) {
    return { message: `${error.message} (${error.code})`, exitCode: EXIT_BY_CODE[error.code] ?? EXIT.failed }
  }
  const message = error instanceof Error ? error.message : 'unknown error'
  return { message: message.split('\n', 1)[0] || 'unknown error', exitCode: EXIT.failed }
}

/** Why the system refused a file, in words. */
export function fileProblem(error: unknown): string {
  const { code } = error as { code?: string }
  switch (code) {
    case 'ENOENT':
      return 'it does not exist'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    case 'EISDIR':
      return 'it is a folder'
    default:
      return code ?? 'it cannot be used'
  }
}
