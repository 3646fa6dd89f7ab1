import fc from 'fast-check'
import { pad, unpad } from '../../src/client/index.ts'
import { test } from '../_util/tap.ts'

const SIZES = [40, 640]

test('a message gets one byte 0x80 and then zeros, up to the smallest size it fits', async (t) => {
  t.same(pad(Uint8Array.of(1, 2), [5]), Uint8Array.of(1, 2, 0x80, 0, 0))
  t.same(pad(new Uint8Array(0), [3]), Uint8Array.of(0x80, 0, 0))
  t.equal(pad(new Uint8Array(39), SIZES).length, 40, 'as long as fits with its mark')
  t.equal(pad(new Uint8Array(40), SIZES).length, 640, 'one byte more takes the next size')
  t.equal(pad(new Uint8Array(639), SIZES).length, 640)
  t.throws(() => pad(new Uint8Array(640), SIZES), { code: 'ERR_MESSAGE_TOO_LONG' })
  t.throws(() => pad(new Uint8Array(0), []), { code: 'ERR_MESSAGE_TOO_LONG' })
})

test('unpad gives back every message that pad takes, also such as look padded themselves', async (t) => {
  const byte = fc.oneof(fc.constant(0), fc.constant(0x80), fc.integer({ min: 0, max: 255 }))
  const messages = fc.array(byte, { maxLength: 639 }).map((bytes) => Uint8Array.from(bytes))
  const restores = fc.property(messages, (message) => {
    const padded = pad(message, SIZES)
    return SIZES.includes(padded.length) && Buffer.compare(unpad(padded), message) === 0
  })
  t.doesNotThrow(() => fc.assert(restores))
})

test('what does not end in 0x80 and zeros is not unpadded', async (t) => {
  for (const bytes of [[], [0], [0, 0, 0], [1], [0x80, 1], [0x80, 0, 0x81, 0]]) {
    t.throws(() => unpad(Uint8Array.from(bytes)), { code: 'ERR_PADDING' }, `[${bytes}]`)
  }
})

test('unpad gives a copy, so that keeping a short message does not keep a large envelope', async (t) => {
  const padded = pad(Uint8Array.of(7), [4000])
  t.equal(unpad(padded).buffer.byteLength, 1)
})
