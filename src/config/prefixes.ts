import { isIP, isIPv4 } from 'node:net'
import { InvalidValueError, parseWholeNumber, toLowerCaseAscii } from './values.ts'

const MAX_PREFIXES = 64

/**
 * Address prefixes separated by commas, each `address/length` or an address alone. Empty text is none.
 * @param minLength the shortest prefix that may be named
 * @returns each as `address/length`
 * @throws InvalidValueError
 */
export function parsePrefixes(text: string, minLength: number): readonly string[] {
  if (text === '') return []
  const prefixes = text.split(',').map((item) => parsePrefix(item.trim(), minLength))
  if (prefixes.length > MAX_PREFIXES) throw new InvalidValueError('lists too many prefixes')
  return prefixes
}

function parsePrefix(text: string, minLength: number): string {
  const [address = '', length, ...more] = toLowerCaseAscii(text).split('/')
  if (isIP(address) === 0 || address.includes('%') || more.length > 0) {
    throw new InvalidValueError('lists what is not an address prefix')
  }
  const longest = isIPv4(address) ? 32 : 128
  const bits = length === undefined ? longest : parseWholeNumber(length, 0, longest)
  if (bits < minLength) throw new InvalidValueError('lists a prefix that holds every address')
  return `${address}/${bits}`
}
