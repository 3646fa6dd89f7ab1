import { randomBytes, randomInt } from 'node:crypto'

/** Everything that is looked for: each kind with the heading of its column. */
export const KINDS = {
  address: 'address',
  publicKey: 'public',
  privateKey: 'private',
  envelope: 'envelope',
  envelopeId: 'id',
  signature: 'signed',
  nonce: 'nonce',
  session: 'session',
  storeSecret: 'secret',
  redisPassword: 'passwd',
  queueId: 'queueId',
  sealKey: 'sealKey',
  idKey: 'idKey',
  wakeTag: 'wakeTag',
  bucketTag: 'bucket',
  peer: 'peer',
  userAgent: 'agent',
  header: 'header',
  url: 'url',
} as const

export type Kind = keyof typeof KINDS

export const KIND_NAMES = Object.keys(KINDS) as Kind[]

/** Kinds that are text; the others are bytes. */
export const TEXT_KINDS: ReadonlySet<Kind> = new Set<Kind>(['peer', 'userAgent', 'header', 'url', 'redisPassword'])

/** One value that must not be where the table does not allow it. */
export interface Canary {
  readonly kind: Kind
  readonly bytes: Buffer
  /** Who may be given it in an answer; undefined where nobody may. */
  readonly owner: string | undefined
}

/** All canaries of a run. Those that the relay makes up are added when they are learned. */
export class CanaryBook {
  readonly #canaries = new Map<string, Canary>()

  /** @param value bytes, or text of one of the text kinds */
  add(kind: Kind, value: Buffer | string, owner?: string): Canary {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.from(value)
    const name = `${kind} ${bytes.toString('latin1')}`
    const known = this.#canaries.get(name)
    if (known) return known
    const canary = { kind, bytes, owner }
    this.#canaries.set(name, canary)
    return canary
  }

  all(): Canary[] {
    return [...this.#canaries.values()]
  }

  ofKind(kind: Kind): Canary[] {
    return this.all().filter((canary) => canary.kind === kind)
  }
}

/**
 * 32 letters and digits in turns, which may stand in a header, its name, or a URL. No word, hash or hex text has six
 * characters in a row that look like it.
 */
export function randomToken(): string {
  return Array.from({ length: 16 }, () => `${'ghijklmnopqrstuvwxyz'[randomInt(20)]}${randomInt(10)}`).join('')
}

/** An address of this machine in 127.0.0.0/8 that nobody else has: 15 characters. */
export function randomPeer(): string {
  return ['127', ...Array.from({ length: 3 }, () => randomInt(100, 255))].join('.')
}

/** Sizes in bytes of what is not text. */
const BYTES: Partial<Record<Kind, number>> = {
  envelope: 1_000,
  envelopeId: 16,
  signature: 64,
  session: 8,
  queueId: 16,
  idKey: 16,
  wakeTag: 16,
  bucketTag: 16,
}

/** A value of a kind that stands for nothing. */
export function randomValue(kind: Kind): Buffer {
  if (kind === 'peer') return Buffer.from(randomPeer())
  if (TEXT_KINDS.has(kind)) return Buffer.from(randomToken())
  return randomBytes(BYTES[kind] ?? 32)
}
