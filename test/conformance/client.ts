import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'

/** Bytes before the seed in the PKCS #8 form of an Ed25519 private key (RFC 8410 §7). */
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The lifetimes a relay grants, in seconds [protocol §3]. */
export const CLASSES = [60, 600, 3600, 86_400, 604_800] as const

/** A recipient: its key pair and the address made of it [protocol §1]. */
export interface Mailbox {
  /** 32 bytes */
  readonly publicKey: Buffer
  /** 32 bytes */
  readonly address: Buffer
  /** Gives the 64 bytes of an Ed25519 signature. */
  sign(message: Buffer): Buffer
}

/** Every mailbox that this process made: what a relay must not have written down. */
export const madeMailboxes: Mailbox[] = []

function labelled(name: string): Buffer {
  return Buffer.from(`lethe/v1 ${name}\0`, 'ascii')
}

/** SHA-256 of the parts, joined. */
export function sha256(...parts: readonly Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

/** Makes a mailbox from a 32-byte seed, a random one by default [protocol §1]. */
export function createMailbox(seed: Buffer = randomBytes(32)): Mailbox {
  const key = createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url')
  const mailbox: Mailbox = {
    publicKey,
    address: sha256(labelled('address'), publicKey),
    sign: (message) => sign(null, message, key),
  }
  madeMailboxes.push(mailbox)
  return mailbox
}

/** Random bytes of a given length that begin with a number, so that order can be seen. */
export function createEnvelope(sizeBytes = 4_000, number = 0): Buffer {
  const envelope = randomBytes(sizeBytes)
  envelope.writeUInt32BE(number)
  return envelope
}

/** Envelopes numbered from `first` on. */
export function createEnvelopes(count: number, sizeBytes = 4_000, first = 0): Buffer[] {
  return Array.from({ length: count }, (_, index) => createEnvelope(sizeBytes, first + index))
}

/** The numbers that `createEnvelope` wrote into them. */
export function numbersOf(envelopes: readonly { envelope: Buffer }[]): number[] {
  return envelopes.map(({ envelope }) => envelope.readUInt32BE())
}

/** Their ids, in hex. */
export function idsOf(received: readonly { id: string }[]): string[] {
  return received.map(({ id }) => id)
}

/** Id and digest of each, to compare them by. */
export function contentsOf(received: readonly { id: string; envelope: Buffer }[]): string[] {
  return received.map(({ id, envelope }) => `${id} ${sha256(envelope).toString('base64url')}`)
}

/** The whole numbers from `first` up to but not including `end`. */
export function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index)
}

/** `bytes` with one bit of its last byte turned over. */
export function corrupted(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1)
  return copy
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

/** What a DEPOSIT frame says; `ttl` in seconds. */
export interface Deposit {
  readonly ref: number
  readonly ttl: number
  readonly address: Buffer
  readonly envelope: Buffer
}

/** DEPOSIT: `0x01 ‖ ref u32 ‖ ttl u32 ‖ address[32] ‖ envelope` [protocol §4]. */
export function depositFrame({ ref, ttl, address, envelope }: Deposit): Buffer {
  return Buffer.concat([Buffer.of(0x01), u32(ref), u32(ttl), address, envelope])
}

/** The signature of OPEN over origin and nonce [protocol §5]. */
export function openSignature(mailbox: Mailbox, origin: string, nonce: Buffer): Buffer {
  return mailbox.sign(Buffer.concat([labelled('open'), sha256(Buffer.from(origin, 'ascii')), nonce]))
}

/** OPEN with a given signature: `0x01 ‖ channel u16 ‖ publicKey[32] ‖ signature[64]` [protocol §5]. */
export function openFrame(channel: number, publicKey: Buffer, signature: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x01), u16(channel), publicKey, signature])
}

/** ACK: `0x02 ‖ channel u16 ‖ envelopeId[16] × n` [protocol §5]; ids in hex. */
export function ackFrame(channel: number, ids: readonly string[]): Buffer {
  return Buffer.concat([Buffer.of(0x02), u16(channel), Buffer.from(ids.join(''), 'hex')])
}

/** CLOSE: `0x03 ‖ channel u16` [protocol §5]. */
export function closeFrame(channel: number): Buffer {
  return Buffer.concat([Buffer.of(0x03), u16(channel)])
}

/** Now in Unix seconds, rounded down to a full minute as clients do [protocol §5]. */
export function minuteNow(): number {
  return Math.floor(Date.now() / 60_000) * 60
}

/** `body` and its signature: label, SHA-256 of the origin, and the body [protocol §5]. */
export function signedBody(mailbox: Mailbox, label: string, origin: string, body: Buffer): Buffer {
  const message = Buffer.concat([labelled(label), sha256(Buffer.from(origin, 'ascii')), body])
  return Buffer.concat([body, mailbox.sign(message)])
}

/** What a fetch asks for; `wait` in seconds, `time` in Unix seconds. */
export interface FetchRequest {
  readonly sizeIndex?: number
  readonly wait?: number
  readonly slots?: number
  readonly time?: number | bigint
}

/** `publicKey[32] ‖ time u64 ‖ sizeIndex u8 ‖ wait u8 ‖ slots u8 ‖ signature[64]` [protocol §5]. */
export function fetchBody(mailbox: Mailbox, origin: string, request: FetchRequest = {}): Buffer {
  const { sizeIndex = 0, wait = 0, slots = 1, time = minuteNow() } = request
  const body = Buffer.concat([mailbox.publicKey, u64(time), Buffer.of(sizeIndex, wait, slots)])
  return signedBody(mailbox, 'fetch', origin, body)
}

/** `publicKey[32] ‖ time u64 ‖ envelopeId[16] × n ‖ signature[64]` [protocol §5]; ids in hex. */
export function ackBody(
  mailbox: Mailbox,
  origin: string,
  ids: readonly string[],
  time: number | bigint = minuteNow(),
): Buffer {
  const body = Buffer.concat([mailbox.publicKey, u64(time), Buffer.from(ids.join(''), 'hex')])
  return signedBody(mailbox, 'ack', origin, body)
}
