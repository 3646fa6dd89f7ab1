/** This machine does not have what a row needs; the message says so in one line. */
export class NotHereError extends Error {
  /** @param cause what came of trying */
  constructor(what: string, cause: unknown) {
    super(`${what} here: ${String(cause).split('\n')[0]}`)
  }
}
