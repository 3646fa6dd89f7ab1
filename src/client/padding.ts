import { ClientError } from './errors.ts'

const MARK = 0x80

/**
 * Fills a message up to the smallest size it fits: the message, one byte 0x80, then zeros (ISO/IEC 7816-4). The mark
 * takes one byte, so the longest message is one byte shorter than the largest size.
 * @param envelopeBytes the relay's sizes in bytes, as `getInfo` gives them, in any order
 * @throws ClientError ERR_MESSAGE_TOO_LONG
 */
export function pad(message: Uint8Array, envelopeBytes: readonly number[]): Uint8Array {
  const size = Math.min(...envelopeBytes.filter((bytes) => bytes > message.length))
  if (size === Number.POSITIVE_INFINITY) throw new ClientError('ERR_MESSAGE_TOO_LONG')
  const padded = new Uint8Array(size)
  padded.set(message)
  padded[message.length] = MARK
  return padded
}

/**
 * The message that `pad` was given, as a copy.
 * @throws ClientError ERR_PADDING where the bytes do not end in 0x80 and zeros
 */
export function unpad(padded: Uint8Array): Uint8Array {
  let end = padded.length - 1
  while (end >= 0 && padded[end] === 0) end--
  if (padded[end] !== MARK) throw new ClientError('ERR_PADDING')
  return padded.slice(0, end)
}
