// Padding of ISO/IEC 7816-4: one byte 0x80, then zeros. What is unpadded needs no length field.

/** The default relay's smallest envelope [protocol §2]. */
const envelopeBytes = 4000

/**
 * Pads a ciphertext to one envelope of {@link envelopeBytes}.
 * Throws RangeError if the ciphertext is longer than one byte less.
 */
export function pad(ciphertext: Uint8Array): Uint8Array<ArrayBuffer> {
  if (ciphertext.length >= envelopeBytes) throw new RangeError(`${ciphertext.length} bytes leave no room for padding`)
  const envelope = new Uint8Array(envelopeBytes)
  envelope.set(ciphertext)
  envelope[ciphertext.length] = 0x80
  return envelope
}

/** Gives back what {@link pad} was given. Throws RangeError on a wrong length or wrong padding. */
export function unpad(envelope: Uint8Array): Uint8Array<ArrayBuffer> {
  if (envelope.length !== envelopeBytes) throw new RangeError(`an envelope of ${envelope.length} bytes`)
  const end = envelope.findLastIndex((byte) => byte !== 0)
  if (envelope[end] !== 0x80) throw new RangeError('the padding is damaged')
  return Uint8Array.from(envelope.subarray(0, end))
}
