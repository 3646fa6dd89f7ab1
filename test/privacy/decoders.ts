/** Bytes between what was decoded at one place and at the next, so that the two do not run together. */
const GAP = Buffer.from([0xff, 0x00])
/** Text around an escape that is kept, since a canary may begin or end in it. */
const AROUND = 32

/** How often encodings may be wrapped in one another. */
const MAX_DEPTH = 3

type Decode = (text: string) => Buffer[]

/** Some bytes as they may have been before they were encoded. */
export interface View {
  readonly bytes: Buffer
  /** Whether it also holds what another view holds as it is. */
  readonly repeats: boolean
}

/** Every view of some bytes: as they are, and decoded in whatever ways they may be encoded, also several times over. */
export function* viewsOf(bytes: Buffer, repeats = false, depth = 0): Generator<View> {
  yield { bytes, repeats }
  if (depth === MAX_DEPTH) return
  const text = bytes.toString('latin1')
  for (const decode of DECODERS) {
    const pieces = decode(text)
    if (pieces.length === 0) continue
    const joined = Buffer.concat(pieces.flatMap((piece) => [piece, GAP]))
    yield* viewsOf(joined, repeats || decode === escapes || decode === characters, depth + 1)
  }
}

const DECODERS: readonly Decode[] = [hexDigits, hexPairs, base64, decimals, escapes, characters, utf16]

function matches(text: string, pattern: RegExp): string[] {
  return text.match(pattern) ?? []
}

/** Of six bytes or more; a canary may begin at the first digit or at the second. */
function hexDigits(text: string): Buffer[] {
  return matches(text, /[0-9a-fA-F]{12,}/g).flatMap((digits) => [
    Buffer.from(digits, 'hex'),
    Buffer.from(digits.slice(1), 'hex'),
  ])
}

/** `ab cd`, `ab:cd`, `0xab, 0xcd`, as programs print bytes. */
function hexPairs(text: string): Buffer[] {
  const pairs = matches(text, /(?:(?:0x)?[0-9a-fA-F]{2}[\s:,;-]{1,16}){5,}(?:0x)?[0-9a-fA-F]{0,2}/g)
  return pairs.map((run) => Buffer.from(run.replace(/0x|[\s:,;-]/g, ''), 'hex'))
}

/** Both alphabets; what was encoded may have begun at any of four characters. */
function base64(text: string): Buffer[] {
  return matches(text, /[A-Za-z0-9+/_-]{7,}/g).flatMap((run) =>
    [0, 1, 2, 3].map((skip) => Buffer.from(run.slice(skip), 'base64')),
  )
}

/** Six numbers below 256 or more, separated; also with their places in front, as JSON has a Uint8Array. */
function decimals(text: string): Buffer[] {
  const withoutPlaces = text.includes('"0":') ? `${text}\n${text.replace(/"\d{1,6}":/g, '')}` : text
  const runs = matches(withoutPlaces, /(?:\d{1,3}[\s,;|]{1,16}){5,}\d{1,3}/g)
  return runs.map((run) => Buffer.from(matches(run, /\d+/g).map(Number)))
}

const ESCAPE =
  /%[0-9a-fA-F]{2}|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[nrtbfav0"'\\/]|&#(?:x[0-9a-f]{1,4}|\d{1,5});|&(?:amp|lt|gt|quot|apos);/g
const CONTROLS: Readonly<Record<string, string>> = {
  ...{ n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', a: '\x07', v: '\v', 0: '\0' },
  ...{ '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'" },
}

/** Percent-encoding, JSON, what Redis and C do, and HTML. */
function escapes(text: string): Buffer[] {
  return rewritten(text, ESCAPE, (found) => {
    const named = CONTROLS[found] ?? (found.length === 2 ? (CONTROLS[found.charAt(1)] ?? found.charAt(1)) : undefined)
    if (named !== undefined) return named
    const digits = /[0-9a-fA-F]+(?=;?$)/.exec(found)?.[0] ?? ''
    const isDecimal = found.startsWith('&#') && !found.startsWith('&#x')
    return String.fromCharCode(Number.parseInt(digits, isDecimal ? 10 : 16) & 0xff)
  })
}

/** UTF-8 of characters up to U+00FF, one for each byte. */
function characters(text: string): Buffer[] {
  return rewritten(text, /[\xc2\xc3][\x80-\xbf]/g, ([lead = '', rest = '']) =>
    String.fromCharCode(((lead.charCodeAt(0) & 3) << 6) | (rest.charCodeAt(0) & 0x3f)),
  )
}

/** Bytes with a zero between each two, of which most are not zero themselves. */
function utf16(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'latin1')
  const pieces: Buffer[] = []
  for (const parity of [0, 1]) {
    for (let start = parity; start < bytes.length; start += 2) {
      let end = start
      while (bytes[end] === 0) end += 2
      if (end - start < 10) continue
      const piece = bytes.subarray(Math.max(start - 1, 0), end).filter((_, index) => index % 2 === (start > 0 ? 0 : 1))
      if (piece.filter((byte) => byte !== 0).length > piece.length / 2) pieces.push(Buffer.from(piece))
      start = end
    }
  }
  return pieces
}

/** Text with every match replaced, without what is far from any. */
function rewritten(text: string, pattern: RegExp, replace: (match: string) => string): Buffer[] {
  const pieces: Buffer[] = []
  let piece = ''
  let end = 0
  for (const match of text.matchAll(pattern)) {
    const between = text.slice(end, match.index)
    if (between.length > 2 * AROUND) {
      if (piece !== '') pieces.push(Buffer.from(piece + between.slice(0, AROUND), 'latin1'))
      piece = between.slice(-AROUND)
    } else piece += between
    piece += replace(match[0])
    end = match.index + match[0].length
  }
  if (piece !== '') pieces.push(Buffer.from(piece + text.slice(end, end + AROUND), 'latin1'))
  return pieces
}
