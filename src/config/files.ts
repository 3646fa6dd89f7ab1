import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { InvalidValueError } from './values.ts'

const MAX_SECRET_FILE_BYTES = 65_536
const CONTROL_CHARACTER = /\p{Cc}/u

/** The path itself, once it leads to a regular file that this process may read. @throws InvalidValueError */
export function parseReadableFile(path: string): string {
  if (CONTROL_CHARACTER.test(path)) throw new InvalidValueError('is not a path')
  withoutPath(() => {
    // A pipe could be read once only, but these files are read again when they change.
    if (!statSync(path).isFile()) throw new InvalidValueError('does not lead to a regular file')
    accessSync(path, constants.R_OK)
  })
  return path
}

/** Text of a small file without the line ends after it. @throws InvalidValueError, which names neither path nor content */
export function readSecretFile(path: string): string {
  parseReadableFile(path)
  return withoutPath(() => {
    const descriptor = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(MAX_SECRET_FILE_BYTES + 1)
      const length = readSync(descriptor, bytes)
      if (length > MAX_SECRET_FILE_BYTES) throw new InvalidValueError('leads to a file that is too long')
      return bytes.toString('utf8', 0, length).replace(/[\r\n]+$/, '')
    } finally {
      closeSync(descriptor)
    }
  })
}

/** Runs a file operation; a path may be a secret put into the wrong variable, so only the system's code is told. */
function withoutPath<T>(operation: () => T): T {
  try {
    return operation()
  } catch (error) {
    if (error instanceof InvalidValueError) throw error
    throw new InvalidValueError(`leads to a file that cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
