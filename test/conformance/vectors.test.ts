import { readFileSync } from 'node:fs'
import { test } from '../_util/tap.ts'
import {
  ackBody,
  ackFrame,
  closeFrame,
  createEnvelope,
  createMailbox,
  depositFrame,
  fetchBody,
  openFrame,
  openSignature,
} from './client.ts'
import { connectDeposit } from './deposit-socket.ts'
import { parseDepositFrame, parseMailboxFrame } from './frames.ts'
import { deposit } from './http.ts'
import { connectMailbox } from './mailbox-socket.ts'
import { CLOSE } from './problems.ts'
import { forBothStores } from './stores.ts'

/** One case of a kind; every kind has fields of its own, bytes in hex. */
type Case = Record<string, string> & { fields: Record<string, string>; invalid?: boolean }
type Kind = 'address' | 'expiry' | 'open' | 'fetch' | 'ack' | 'frames'

const file = new URL('../../../test/vectors/lethe_v1.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Record<Kind, Case[]> }
const bytes = (hex: string | undefined): Buffer => Buffer.from(hex ?? '', 'hex')

test('[protocol §1] addresses of the vectors', async (t) => {
  for (const { privateSeed, publicKey, address, addressText } of cases.address) {
    const mailbox = createMailbox(bytes(privateSeed))
    t.equal(mailbox.publicKey.toString('hex'), publicKey)
    t.equal(mailbox.address.toString('hex'), address)
    t.equal(mailbox.address.toString('base64url'), addressText)
  }
})

test('[protocol §5] signatures of the vectors: open, fetch, ack', async (t) => {
  for (const { privateSeed, origin = '', nonce, signature } of cases.open) {
    t.equal(openSignature(createMailbox(bytes(privateSeed)), origin, bytes(nonce)).toString('hex'), signature)
  }
  for (const { privateSeed, origin = '', body } of cases.fetch) {
    const given = bytes(body)
    const [sizeIndex = 0, wait = 0, slots = 0] = given.subarray(40, 43)
    const request = { time: given.readBigUInt64BE(32), sizeIndex, wait, slots }
    t.equal(fetchBody(createMailbox(bytes(privateSeed)), origin, request).toString('hex'), body)
  }
  for (const { privateSeed, origin = '', body } of cases.ack) {
    const given = bytes(body)
    const ids = given.toString('hex', 40, given.length - 64).match(/.{32}/g) ?? []
    const made = ackBody(createMailbox(bytes(privateSeed)), origin, ids, given.readBigUInt64BE(32))
    t.equal(made.toString('hex'), body)
  }
})

/** The frame of a client that the fields of a vector describe. */
function frameOf(name: string, fields: Record<string, unknown>): Buffer | undefined {
  const { ref, ttl, channel, ids } = fields as { ref: number; ttl: number; channel: number; ids: string[] }
  const { address, envelope, publicKey, signature } = fields as Record<string, string>
  switch (name) {
    case 'DEPOSIT':
      return depositFrame({ ref, ttl, address: bytes(address), envelope: bytes(envelope) })
    case 'OPEN':
      return openFrame(channel, bytes(publicKey), bytes(signature))
    case 'ACK':
      return ackFrame(channel, ids)
    case 'CLOSE':
      return closeFrame(channel)
    default:
      return undefined
  }
}

test('[protocol §4] [protocol §5] frames of the vectors, both ways', async (t) => {
  for (const { endpoint, name = '', fields, bytes: hex, invalid } of cases.frames) {
    if (invalid) continue
    const made = frameOf(name, fields)
    if (made) {
      t.equal(made.toString('hex'), hex, `${name} as the client makes it`)
      continue
    }
    const parse = endpoint === 'deposit' ? parseDepositFrame : parseMailboxFrame
    const parsed = Object.entries(parse(bytes(hex))).map(([field, value]) => [
      field,
      Buffer.isBuffer(value) ? value.toString('hex') : value,
    ])
    t.same(Object.fromEntries(parsed), { type: name, ...fields }, `${name} as the client reads it`)
  }
})

forBothStores('vectors', async (t, relay) => {
  await t.test('[protocol §6] invalid frames of the vectors close 4400', async (t) => {
    const invalid = cases.frames.filter((frame) => frame.invalid)
    t.ok(invalid.length > 5, 'there are invalid frames')
    for (const { endpoint, name, bytes: hex } of invalid) {
      const socket = endpoint === 'deposit' ? await connectDeposit(relay) : await connectMailbox(relay)
      socket.send(bytes(hex))
      t.equal(await socket.closeCode(), CLOSE.malformed, `${endpoint}: ${name}`)
    }
  })

  await t.test('[protocol §3] lifetimes of the vectors are granted as their classes', async (t) => {
    for (const { ttl, maxTtl, class: granted } of cases.expiry) {
      if (Number(maxTtl) !== 604_800) continue
      const answer = await deposit(relay, createMailbox().address, createEnvelope(), String(ttl))
      t.equal(answer.headers.ttl, String(granted), `a ttl of ${ttl}`)
    }
  })
})
