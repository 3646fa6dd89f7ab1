// One relay on one Redis, and people with mailboxes who carry ciphertext through it, whatever made the ciphertext.

import { randomBytes } from 'node:crypto'
import { startRedis } from '../_util/redis.ts'
import { type Relay, startRelay } from '../_util/relay.ts'
import type { Test } from '../_util/tap.ts'
import { eventually } from '../_util/wait.ts'
import { pad, unpad } from './padding.ts'
import { createMailboxKeys, DepositSocket, deposit, MailboxSocket } from './raw-client.ts'

/** A ciphertext that came out of a mailbox, unpadded; `ack` erases it at the relay. */
export interface Received {
  idText: string
  ciphertext: Uint8Array<ArrayBuffer>
  ack(): void
}

/** How somebody deposits: by single requests, or on a socket kept open. Resolves once the relay has confirmed. */
export type Deposit = (recipient: Mailbox, ciphertext: Uint8Array) => Promise<void>

/** A relay in a process of its own, on a Redis that nobody else uses, so that it can be seen to be empty. */
export class PostOffice {
  readonly #relay: Relay
  readonly #countKeys: () => Promise<number>

  private constructor(relay: Relay, countKeys: () => Promise<number>) {
    this.#relay = relay
    this.#countKeys = countKeys
  }

  /** Starts both, and stops both when the test ends. */
  static async start(t: Test): Promise<PostOffice> {
    const redis = await startRedis()
    t.teardown(() => redis.stop())
    const storeSecret = randomBytes(32).toString('base64url')
    const relay = await startRelay({ LETHE_REDIS_URL: redis.url, LETHE_STORE_SECRET: storeSecret })
    t.teardown(() => relay.stop())
    return new PostOffice(relay, async () => Number(await redis.cli('DBSIZE')))
  }

  /** A new mailbox, not opened yet: whoever has it is offline. */
  createMailbox(t: Test): Mailbox {
    return new Mailbox(this.#relay, t)
  }

  /** Depositing over HTTP. */
  overHttp(): Deposit {
    return (recipient, ciphertext) => deposit(this.#relay.url, recipient.address, pad(ciphertext))
  }

  /** Depositing over one WebSocket, closed when the test ends. */
  async overSocket(t: Test): Promise<Deposit> {
    const socket = await DepositSocket.connect(this.#relay.wsUrl)
    t.teardown(() => socket.close())
    return (recipient, ciphertext) => socket.deposit(recipient.address, pad(ciphertext))
  }

  /** How many keys Redis holds. */
  countKeys(): Promise<number> {
    return this.#countKeys()
  }

  /** Resolves once Redis holds no key at all: an ACK has no answer, so there is nothing else to wait for. */
  async waitUntilEmpty(): Promise<void> {
    await eventually(async () => (await this.#countKeys()) === 0, { timeoutMs: 15_000 })
  }
}

/** Somebody's mailbox: online while it is open. */
export class Mailbox {
  readonly #relay: Relay
  readonly #keys = createMailboxKeys()
  #socket: MailboxSocket | undefined

  constructor(relay: Relay, t: Test) {
    this.#relay = relay
    t.teardown(() => this.goOffline())
  }

  /** What others need to deposit here. */
  get address(): Uint8Array {
    return this.#keys.address
  }

  /** Opens the mailbox and gives what had waited in it, up to the first DRAINED. */
  async goOnline(): Promise<Received[]> {
    this.#socket = await MailboxSocket.open(this.#relay.wsUrl, this.#relay.origin, this.#keys)
    const waiting: Received[] = []
    while (true) {
      const arrival = await this.#socket.next()
      if (arrival.kind === 'drained') return waiting
      waiting.push(received(this.#socket, arrival.id, arrival.envelope))
    }
  }

  /** Waits for one message pushed to the open mailbox. */
  async receive(): Promise<Received> {
    if (this.#socket === undefined) throw new Error('this mailbox is not open')
    while (true) {
      const arrival = await this.#socket.next()
      if (arrival.kind === 'envelope') return received(this.#socket, arrival.id, arrival.envelope)
    }
  }

  async goOffline(): Promise<void> {
    await this.#socket?.close()
    this.#socket = undefined
  }
}

function received(socket: MailboxSocket, id: Uint8Array, envelope: Uint8Array): Received {
  const idText = Buffer.from(id).toString('base64url')
  return { idText, ciphertext: unpad(envelope), ack: () => socket.ack(id) }
}
