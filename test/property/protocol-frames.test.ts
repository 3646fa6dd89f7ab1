import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type DepositAnswer,
  type DepositFrame,
  encodeDepositAnswer,
  encodeDepositFrame,
  parseDepositAnswer,
  parseDepositFrame,
} from '../../src/protocol/deposit-frames.ts'
import {
  encodeMailboxReply,
  encodeMailboxRequest,
  type MailboxReply,
  type MailboxRequest,
  parseMailboxReply,
  parseMailboxRequest,
  writeEnvelopeHeader,
} from '../../src/protocol/mailbox-frames.ts'
import { test } from '../_util/tap.ts'
import { bytesOf, type Codec, recordOf, refusesOrRepeats, refusesOtherLengths, roundTrip, u16, u32 } from './codec.ts'

const envelope = fc.oneof(fc.uint8Array({ maxLength: 300 }), bytesOf(4000))
const ids = fc.integer({ min: 1, max: 64 }).chain((count) => bytesOf(16 * count))

const depositFrames: Codec<DepositFrame> = {
  values: recordOf({ ref: u32, ttlSeconds: u32, address: bytesOf(32), envelope }),
  encode: encodeDepositFrame,
  parse: parseDepositFrame,
  isLength: (length) => length >= 41,
}

const depositAnswers: Codec<DepositAnswer> = {
  values: fc.oneof(
    recordOf({ kind: fc.constant('accepted' as const), ref: u32 }),
    recordOf({ kind: fc.constant('error' as const), ref: u32, number: u16 }),
  ),
  encode: encodeDepositAnswer,
  parse: parseDepositAnswer,
  isLength: (length, { kind }) => length === (kind === 'accepted' ? 5 : 7),
}

const REQUEST_LENGTHS: Record<MailboxRequest['kind'], (length: number) => boolean> = {
  open: (length) => length === 99,
  ack: (length) => length >= 19 && length <= 1027 && (length - 3) % 16 === 0,
  close: (length) => length === 3,
}

const mailboxRequests: Codec<MailboxRequest> = {
  values: fc.oneof(
    recordOf({ kind: fc.constant('open' as const), channel: u16, publicKey: bytesOf(32), signature: bytesOf(64) }),
    recordOf({ kind: fc.constant('ack' as const), channel: u16, ids }),
    recordOf({ kind: fc.constant('close' as const), channel: u16 }),
  ),
  encode: encodeMailboxRequest,
  parse: parseMailboxRequest,
  isLength: (length, { kind }) => REQUEST_LENGTHS[kind](length),
}

const REPLY_LENGTHS: Record<MailboxReply['kind'], (length: number) => boolean> = {
  hello: (length) => length === 33,
  opened: (length) => length === 3,
  envelope: (length) => length >= 19,
  drained: (length) => length === 3,
  displaced: (length) => length === 3,
  error: (length) => length === 5,
}

const mailboxReplies: Codec<MailboxReply> = {
  values: fc.oneof(
    recordOf({ kind: fc.constant('hello' as const), nonce: bytesOf(32) }),
    recordOf({ kind: fc.constantFrom('opened' as const, 'drained' as const, 'displaced' as const), channel: u16 }),
    recordOf({ kind: fc.constant('envelope' as const), channel: u16, id: bytesOf(16), envelope }),
    recordOf({ kind: fc.constant('error' as const), channel: u16, number: u16 }),
  ),
  encode: encodeMailboxReply,
  parse: parseMailboxReply,
  isLength: (length, { kind }) => REPLY_LENGTHS[kind](length),
}

function checkCodec<T>(name: string, codec: Codec<T>, types: readonly number[], lengths: number[]): void {
  test(`${name}: what is parsed is what was encoded`, async (t) => {
    t.doesNotThrow(() => roundTrip(codec))
  })

  test(`${name}: cuts and tails are refused`, async (t) => {
    t.doesNotThrow(() => refusesOtherLengths(codec))
  })

  test(`${name}: any bytes are refused, or mean what they say`, async (t) => {
    t.doesNotThrow(() => refusesOrRepeats(codec, types, lengths))
  })
}

checkCodec('[protocol §4] DEPOSIT', depositFrames, [0x01], [40, 41, 42])
checkCodec('[protocol §4] answers to a deposit', depositAnswers, [0x81, 0x8f], [5, 7])
checkCodec('[protocol §5] frames of a mailbox client', mailboxRequests, [1, 2, 3], [3, 19, 35, 99, 1027, 1043])
checkCodec('[protocol §5] frames to a mailbox client', mailboxReplies, [0x81, 0x82, 0x83, 0x84, 0x85, 0x8f], [3, 5, 33])

test('[protocol §5] an ACK names 1 to 64 envelopes, also where it is made', async (t) => {
  for (const length of [0, 15, 17, 65 * 16]) {
    t.throws(() => encodeMailboxRequest({ kind: 'ack', channel: 1, ids: new Uint8Array(length) }), {
      code: 'ERR_MALFORMED',
    })
  }
})

test('[protocol §5] the header written before an envelope in place is that of the encoder', async (t) => {
  const property = fc.property(u16, bytesOf(16), fc.uint8Array(), fc.nat(20), (channel, id, content, offset) => {
    const bytes = new Uint8Array(offset + 19 + content.length).fill(0xaa)
    bytes.set(content, offset + 19)
    writeEnvelopeHeader(bytes, offset, channel, id)
    assert.ok(bytes.subarray(0, offset).every((byte) => byte === 0xaa))
    assert.deepEqual(bytes.slice(offset), encodeMailboxReply({ kind: 'envelope', channel, id, envelope: content }))
  })
  t.doesNotThrow(() => fc.assert(property))
})

test('a field that does not fit is never cut to fit', async (t) => {
  const address = new Uint8Array(32)
  const content = new Uint8Array(1)
  for (const wrong of [-1, 2 ** 32, 0.5, Number.NaN]) {
    t.throws(() => encodeDepositFrame({ ref: wrong, ttlSeconds: 0, address, envelope: content }), RangeError)
    t.throws(() => encodeDepositFrame({ ref: 0, ttlSeconds: wrong, address, envelope: content }), RangeError)
    t.throws(() => encodeMailboxRequest({ kind: 'close', channel: wrong }), RangeError)
  }
  t.throws(() => encodeMailboxRequest({ kind: 'close', channel: 0x1_0000 }), RangeError)
  t.throws(
    () => encodeDepositFrame({ ref: 0, ttlSeconds: 0, address: address.subarray(1), envelope: content }),
    RangeError,
  )
})
