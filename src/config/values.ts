import { isIPv4, isIPv6 } from 'node:net'

/**
 * What a parser of one variable throws. The message goes on after the variable's name ("is not a whole number") and
 * never holds the value, since a secret may have been put into the wrong variable.
 */
export class InvalidValueError extends Error {
  constructor(detail: string) {
    super(detail)
    this.name = 'InvalidValueError'
  }
}

const PLAIN_NUMBER = /^(?:0|[1-9][0-9]{0,15})$/
const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const NUMERIC_LABEL = /^[0-9]+$/
const IPV6_CHARACTERS = /^[0-9a-f:.]+$/
const NOT_PLAIN_TEXT = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u
const MAX_HOST_NAME_LENGTH = 253
const MAX_TEXT_LENGTH = 200

/** Decimal digits without sign, leading zero or separator, from `min` to `max`. @throws InvalidValueError */
export function parseWholeNumber(text: string, min: number, max: number): number {
  if (!PLAIN_NUMBER.test(text)) throw new InvalidValueError('is not a whole number in plain digits')
  const value = Number(text)
  if (value < min || value > max) throw new InvalidValueError('is out of range')
  return value
}

/** One of the given words, exactly. @throws InvalidValueError */
export function parseOneOf<const T extends string>(text: string, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === text)
  if (word === undefined) throw new InvalidValueError('is none of these words')
  return word
}

/** An IPv4 or IPv6 address (without brackets or zone) or a host name, in lower case. @throws InvalidValueError */
export function parseHost(text: string): string {
  const host = toLowerCaseAscii(text)
  if (isIPv4(host) || (isIPv6(host) && IPV6_CHARACTERS.test(host)) || isHostName(host)) return host
  throw new InvalidValueError('is neither an IP address nor a host name')
}

/** Free text on one line, at most 200 characters; empty text is undefined. @throws InvalidValueError */
export function parseText(text: string): string | undefined {
  if (NOT_PLAIN_TEXT.test(text)) throw new InvalidValueError('holds a control character')
  if ([...text].length > MAX_TEXT_LENGTH) throw new InvalidValueError('is too long')
  return text === '' ? undefined : text
}

/** Sizes in bytes, separated by commas: 1 to 8 of them, strictly ascending. [protocol §2] @throws InvalidValueError */
export function parseSizes(text: string, maxBytes: number): readonly number[] {
  const sizes = text.split(',').map((item) => parseWholeNumber(item.trim(), 1, maxBytes))
  if (sizes.length > 8) throw new InvalidValueError('lists more than eight sizes')
  if (sizes.some((size, i) => i > 0 && size <= (sizes[i - 1] as number))) {
    throw new InvalidValueError('is not in ascending order')
  }
  return sizes
}

/** Lower case of ASCII letters only: the Kelvin sign must not become a k. */
export function toLowerCaseAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

function isHostName(host: string): boolean {
  const labels = host.split('.')
  if (host.length > MAX_HOST_NAME_LENGTH || !labels.every((label) => HOST_LABEL.test(label))) return false
  // A last label of digits is a mistyped IPv4 address, which resolvers read in surprising ways.
  return !NUMERIC_LABEL.test(labels.at(-1) as string)
}
