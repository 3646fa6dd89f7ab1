import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parseAddress } from '../../src/protocol/address.ts'
import {
  ByteReader,
  ByteWriter,
  concatBytes,
  isEqualBytes,
  MalformedError,
  parseBase64url,
  toBase64url,
} from '../../src/protocol/bytes.ts'
import { readTtl } from '../../src/protocol/retention.ts'
import { test } from '../_util/tap.ts'
import { bytesOf, u8, u16, u32, u64 } from './codec.ts'

const anyBytes = fc.uint8Array({ maxLength: 100 })

test('base64url is that of Node, both ways', async (t) => {
  const property = fc.property(anyBytes, (bytes) => {
    const text = toBase64url(bytes)
    assert.equal(text, Buffer.from(bytes).toString('base64url'))
    assert.deepEqual(parseBase64url(text), bytes)
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }))
})

test('each byte string has one text, every other text is refused', async (t) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.string({ unit: fc.constantFrom(...'AQgw_-Zz09+/= '), maxLength: 50 }),
  )
  const property = fc.property(text, (text) => {
    let bytes: Uint8Array
    try {
      bytes = parseBase64url(text)
    } catch (error) {
      assert.ok(error instanceof MalformedError)
      assert.notEqual(Buffer.from(text, 'base64url').toString('base64url'), text, 'nothing valid is refused')
      return
    }
    assert.equal(toBase64url(bytes), text)
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2000 }))
  for (const wrong of ['A', 'AAAAA', 'AA==', 'AB', 'AAB', 'A A', 'AA\n', '+/', 'ÿÿ']) {
    t.throws(() => parseBase64url(wrong), MalformedError, JSON.stringify(wrong))
  }
})

test('[protocol §1] an address is 32 bytes', async (t) => {
  const property = fc.property(anyBytes, (bytes) => {
    const text = toBase64url(bytes)
    if (bytes.length === 32) assert.deepEqual(parseAddress(text), bytes)
    else assert.throws(() => parseAddress(text), MalformedError)
  })
  t.doesNotThrow(() => fc.assert(property))
  t.doesNotThrow(() =>
    fc.assert(fc.property(bytesOf(32), (bytes) => isEqualBytes(parseAddress(toBase64url(bytes)), bytes))),
  )
})

test('a writer puts big-endian fields where a DataView finds them, and a reader reads them back', async (t) => {
  const property = fc.property(u8, u16, u32, u64, anyBytes, (a, b, c, d, rest) => {
    const bytes = new ByteWriter(15 + rest.length).u8(a).u16(b).u32(c).u64(d).bytes(rest).finish()
    const view = new DataView(bytes.buffer)
    assert.deepEqual(
      [view.getUint8(0), view.getUint16(1), view.getUint32(3), view.getBigUint64(7)],
      [a, b, c, BigInt(d)],
    )
    const reader = new ByteReader(bytes)
    assert.deepEqual([reader.u8(), reader.u16(), reader.u32(), reader.u64()], [a, b, c, d])
    assert.equal(reader.remaining, rest.length)
    if (rest.length > 0) assert.throws(() => reader.end(), MalformedError)
    assert.throws(() => reader.bytes(rest.length + 1), MalformedError)
    assert.deepEqual(reader.rest(), rest)
    reader.end()
    assert.throws(() => reader.u8(), MalformedError)
  })
  t.doesNotThrow(() => fc.assert(property))
})

test('what a number cannot hold is out of range', async (t) => {
  t.throws(() => new ByteReader(new Uint8Array(8).fill(0xff)).u64(), MalformedError)
  t.throws(() => new ByteReader(Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0)).u64(), MalformedError)
  t.equal(new ByteReader(Uint8Array.of(0, 0x1f, 255, 255, 255, 255, 255, 255)).u64(), Number.MAX_SAFE_INTEGER)
  for (const wrong of [256, -1, 1.5]) t.throws(() => new ByteWriter(1).u8(wrong), RangeError)
  t.throws(() => new ByteWriter(8).u64(2 ** 53), RangeError)
})

test('a writer gives nothing that was not written whole', async (t) => {
  t.throws(() => new ByteWriter(3).u8(1).finish(), RangeError)
  t.throws(() => new ByteWriter(3).u32(1).finish(), RangeError)
  t.throws(() => new ByteWriter(3).bytes(new Uint8Array(4)), RangeError)
})

test('bytes are equal when Node says so', async (t) => {
  const property = fc.property(anyBytes, anyBytes, (a, b) => {
    assert.equal(isEqualBytes(a, b), Buffer.compare(a, b) === 0)
    assert.equal(isEqualBytes(a, Uint8Array.from(a)), true)
    assert.deepEqual(concatBytes(a, b), new Uint8Array(Buffer.concat([a, b])))
  })
  t.doesNotThrow(() => fc.assert(property))
})

test('[protocol §4] a TTL is digits, and saturates at u32', async (t) => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 400 })
  const property = fc.property(digits, (text) => {
    const value = BigInt(text)
    assert.equal(readTtl(text), value > 0xffff_ffffn ? 0xffff_ffff : Number(value))
  })
  t.doesNotThrow(() => fc.assert(property))
  const noise = fc.property(fc.string(), (text) => {
    assert.equal(readTtl(text) === undefined, text === '' || [...text].some((letter) => !'0123456789'.includes(letter)))
  })
  t.doesNotThrow(() => fc.assert(noise, { numRuns: 1000 }))
  for (const wrong of ['', ' 1', '1 ', '-1', '+1', '1.0', '1e3', '0x1', '1\n', '1,1', '１', '٣']) {
    t.equal(readTtl(wrong), undefined, JSON.stringify(wrong))
  }
})
