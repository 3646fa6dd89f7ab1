import { toBase64url } from '../protocol/bytes.ts'

const BYTES_PREFIX = 'base64url:'
/** Control characters but the tab, and line ends: they would break the line, or steer the terminal. */
const NOT_ONE_LINE = /[\p{Zl}\p{Zp}]|(?!\t)\p{Cc}/u

const LINE_END = /\r?\n$/

/**
 * A message as one line without its line end: the text itself where it is one line of UTF-8, with or without a line end
 * of its own; else `base64url:` and its bytes. A text that begins with that prefix is written as bytes too, so the two
 * can be told apart.
 */
export function toLine(message: Uint8Array): string {
  const text = readText(message)?.replace(LINE_END, '')
  const isPlain = text !== undefined && !NOT_ONE_LINE.test(text) && !text.startsWith(BYTES_PREFIX)
  return isPlain ? text : BYTES_PREFIX + toBase64url(message)
}

function readText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
