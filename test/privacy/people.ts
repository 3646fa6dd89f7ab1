import { randomBytes } from 'node:crypto'
import { createMailbox, type Mailbox } from '../conformance/client.ts'
import type { SocketOptions } from '../conformance/socket.ts'
import { type CanaryBook, randomPeer, randomToken } from './canaries.ts'
import { deriveQueue, type Queue } from './derivation.ts'
import type { Evidence } from './evidence.ts'
import type { Surface } from './surfaces.ts'
import { type Listening, startWire, type Wire } from './wire.ts'

/** As much of what was sent on a connection as shows that it was. */
const SENT_BYTES = 32_768

/** What the answers to somebody are. */
export type Role = Extract<Surface, `answers to ${string}`>

/** Somebody with an IP address, a user agent and headers that nobody else has. */
export class Person {
  readonly name: string
  readonly peer: string
  /** Of every request and handshake. */
  readonly headers: Readonly<Record<string, string>>
  /** To be put into URLs. */
  readonly query: string
  /** Offers a subprotocol of its own besides. */
  readonly socket: SocketOptions
  readonly #role: Role
  readonly #wires = new Map<Listening, Promise<Wire>>()

  constructor(book: CanaryBook, name: string, role: Role) {
    const header = () => book.add('header', randomToken()).bytes.toString()
    this.name = name
    this.#role = role
    this.peer = book.add('peer', randomPeer()).bytes.toString()
    this.query = book.add('url', randomToken()).bytes.toString()
    this.headers = {
      'User-Agent': `${book.add('userAgent', randomToken()).bytes}/1.0 (Phone; ${header()})`,
      [`X-${header()}`]: header(),
      Cookie: `id=${header()}`,
      Authorization: `Bearer ${header()}`,
      Referer: `https://${header()}.example/${header()}`,
      'X-Forwarded-For': header(),
      'X-Real-IP': book.add('peer', randomPeer()).bytes.toString(),
      'X-Request-Id': header(),
      From: `${header()}@example.org`,
    }
    this.socket = { headers: this.headers, protocols: ['lethe.v1', header()] }
  }

  /** The relay as seen from this person's address. */
  reach(relay: Listening): Promise<Wire> {
    const wire = this.#wires.get(relay) ?? startWire(relay, this.peer)
    this.#wires.set(relay, wire)
    return wire
  }

  /** What went over all wires so far. */
  async collect(evidence: Evidence, when: string): Promise<void> {
    for (const wire of await Promise.all(this.#wires.values())) {
      for (const bytes of wire.received()) evidence.add(this.#role, bytes, `${this.name}, ${when}`, this.name)
      for (const bytes of wire.sent()) {
        evidence.add('sent by clients over HTTP', bytes.subarray(0, SENT_BYTES), `${this.name}, ${when}`)
      }
    }
  }

  async leave(): Promise<void> {
    for (const wire of await Promise.all(this.#wires.values())) await wire.stop()
    this.#wires.clear()
  }
}

/** Whose mailbox it is where anybody's would do: he takes everything that was left, in the end. */
export const KEEPER = 'Dan'

/** A mailbox of which everything that a relay derives is known. */
export interface KnownMailbox extends Mailbox {
  readonly owner: string
  /** Under the live storeSecret. */
  readonly queue: Queue
}

/** Makes mailboxes, and canaries of their keys, addresses, signatures and of what every storeSecret makes of them. */
export class MailboxMaker {
  readonly #book: CanaryBook
  readonly #secrets: readonly [live: Buffer, ...older: Buffer[]]
  readonly #made: KnownMailbox[] = []

  constructor(book: CanaryBook, secrets: readonly [live: Buffer, ...older: Buffer[]]) {
    this.#book = book
    this.#secrets = secrets
    for (const secret of secrets) book.add('storeSecret', secret)
  }

  /** All that somebody was given so far. */
  of(owner: string): KnownMailbox[] {
    return this.#made.filter((mailbox) => mailbox.owner === owner)
  }

  make(owner: string): KnownMailbox {
    const book = this.#book
    const seed = randomBytes(32)
    const { publicKey, address, sign } = createMailbox(seed)
    book.add('privateKey', seed)
    book.add('publicKey', publicKey)
    book.add('address', address)
    for (const queue of this.#secrets.map((secret) => deriveQueue(secret, address))) {
      for (const name of ['queueId', 'sealKey', 'idKey', 'wakeTag'] as const) book.add(name, queue[name])
    }
    const queue = deriveQueue(this.#secrets[0], address)
    const signed = (message: Buffer) => book.add('signature', sign(message)).bytes
    const mailbox = { owner, queue, publicKey, address, sign: signed }
    this.#made.push(mailbox)
    return mailbox
  }
}
