import { type Canary, TEXT_KINDS } from './canaries.ts'
import { ipv6, lossyForm, PREFIX_BYTES, peerBytes } from './forms.ts'

/** Bytes to look for, and how much of them must be there for a hit. */
export interface Needle {
  readonly canary: Canary
  readonly bytes: Buffer
  /** That much counts where the canary's beginning is there. */
  readonly fromStart: number
  /** That much counts anywhere. */
  readonly anywhere: number
  /** Whether replacement characters stand for what was lost; they do not count. */
  readonly isLossy: boolean
}

/** A piece of this length is a hit wherever it comes from: what is random cannot have so many in common. */
const PIECE_BYTES = 8

/** The forms of a canary that decoding does not bring about. */
export function needlesOf(canary: Canary): Needle[] {
  const { bytes, kind } = canary
  if (kind === 'peer') return peerForms(bytes.toString()).map((form) => whole(canary, form))
  const needle = (form: Buffer, fromStart: number): Needle => {
    return { canary, bytes: form, fromStart, anywhere: PIECE_BYTES, isLossy: false }
  }
  const needles = [needle(bytes, PREFIX_BYTES), needle(Buffer.from(bytes).reverse(), PIECE_BYTES)]
  const text = bytes.toString('latin1')
  if (TEXT_KINDS.has(kind)) {
    const cases = [text.toUpperCase(), text.toLowerCase()].filter((form) => form !== text)
    return [...needles, ...cases.map((form) => needle(Buffer.from(form, 'latin1'), PREFIX_BYTES))]
  }
  const lossy = lossyForm(bytes)
  if (lossy) needles.push({ ...needle(lossy, PREFIX_BYTES), anywhere: PREFIX_BYTES, isLossy: true })
  return needles
}

function whole(canary: Canary, bytes: Buffer): Needle {
  return { canary, bytes, fromStart: bytes.length, anywhere: bytes.length, isLossy: false }
}

function peerForms(peer: string): Buffer[] {
  const four = peerBytes(peer)
  const mapped = ipv6(peer).replace('::ffff:', '')
  const hex = four.toString('hex')
  const texts = [
    peer,
    peer.split('.').toReversed().join('.'),
    mapped,
    hex,
    hex.toUpperCase(),
    String(four.readUInt32BE()),
  ]
  const binary = Buffer.concat([Buffer.of(0xff, 0xff), four])
  const forms = [...texts.map((text) => Buffer.from(text)), binary]
  return [...forms, ...forms.map((form) => Buffer.from(form).reverse())]
}
