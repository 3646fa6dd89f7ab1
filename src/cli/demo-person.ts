import {
  createMailbox,
  createSocketDepositor,
  type Depositor,
  type Mailbox,
  pad,
  type ReceivedEnvelope,
  receive,
  unpad,
} from '../client/index.ts'
import { NodeWebSocket } from './relay-options.ts'

const ENVELOPE_BYTES = [4_000, 64_000]

/** Somebody who writes and receives through a relay, with the SDK that everybody uses. */
export class Person {
  readonly name: string
  readonly mailbox: Mailbox = createMailbox()
  /** What came, in order, each message once however often it came. */
  readonly received: string[] = []
  readonly #relay: string
  readonly #depositor: Depositor
  readonly #seen = new Set<string>()
  #envelopes: AsyncIterableIterator<ReceivedEnvelope, undefined> | undefined
  #receiving: Promise<void> | undefined

  constructor(name: string, relay: string) {
    this.name = name
    this.#relay = relay
    this.#depositor = createSocketDepositor({ relay, WebSocket: NodeWebSocket })
  }

  /** Resolves when the relay has stored them all. */
  async write(to: Person, messages: readonly string[]): Promise<void> {
    const { address } = to.mailbox
    const envelopes = messages.map((message) => pad(new TextEncoder().encode(message), ENVELOPE_BYTES))
    await Promise.all(envelopes.map((envelope) => this.#depositor.deposit({ address, envelope })))
  }

  /** Receives and acknowledges whatever comes, until `goOffline`. */
  goOnline(): void {
    const { mailbox } = this
    this.#envelopes = receive({ relay: this.#relay, mailbox, WebSocket: NodeWebSocket })
    this.#receiving = this.#receiveAll(this.#envelopes)
  }

  async goOffline(): Promise<void> {
    await this.#envelopes?.return?.()
    await this.#receiving
  }

  /** Receives and acknowledges so many messages, and no more. */
  async receiveSome(count: number): Promise<void> {
    const envelopes = receive({ relay: this.#relay, mailbox: this.mailbox, WebSocket: NodeWebSocket })
    for (let taken = 0; taken < count; taken++) {
      const { value } = await envelopes.next()
      if (value === undefined) break
      this.#accept(value)
    }
    await envelopes.return?.()
  }

  /** Lets go of every connection. */
  async leave(): Promise<void> {
    this.#depositor.close()
    await this.goOffline()
  }

  async #receiveAll(envelopes: AsyncIterable<ReceivedEnvelope>): Promise<void> {
    for await (const envelope of envelopes) this.#accept(envelope)
  }

  #accept({ id, envelope, ack }: ReceivedEnvelope): void {
    if (!this.#seen.has(id)) this.received.push(new TextDecoder().decode(unpad(envelope)))
    this.#seen.add(id)
    ack()
  }
}
