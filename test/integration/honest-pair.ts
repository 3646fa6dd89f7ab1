import { setTimeout as sleep } from 'node:timers/promises'
import type { Relay } from '../_util/relay.ts'
import { createEnvelope, createMailbox, type Mailbox } from '../conformance/client.ts'
import { connectDeposit, type DepositSocket } from '../conformance/deposit-socket.ts'
import { connectMailbox, type MailboxSocket } from '../conformance/mailbox-socket.ts'

const CHANNEL = 1
const PAUSE_MS = 20

/** Somebody who sends and somebody who receives, while others do what they should not. */
export class HonestPair {
  readonly #sender: DepositSocket
  readonly #recipient: MailboxSocket
  readonly #mailbox: Mailbox
  #isStopped = false

  constructor(sender: DepositSocket, recipient: MailboxSocket, mailbox: Mailbox) {
    this.#sender = sender
    this.#recipient = recipient
    this.#mailbox = mailbox
  }

  static async connect(relay: Relay): Promise<HonestPair> {
    const mailbox = createMailbox()
    const recipient = await connectMailbox(relay)
    await recipient.open(CHANNEL, mailbox)
    await recipient.untilDrained(CHANNEL)
    return new HonestPair(await connectDeposit(relay), recipient, mailbox)
  }

  /** One envelope from deposit to acknowledgement; rejects where anything else comes, or it comes out of order. */
  async exchange(number: number): Promise<void> {
    const { address } = this.#mailbox
    this.#sender.deposit({ ref: number, ttl: 600, address, envelope: createEnvelope(4_000, number) })
    const answer = await this.#sender.answer()
    if (answer.type !== 'ACCEPTED' || answer.ref !== number) throw new Error(`not accepted: ${JSON.stringify(answer)}`)
    const [received] = await this.#recipient.envelopes(CHANNEL, 1)
    if (received?.envelope.readUInt32BE() !== number) throw new Error(`not envelope ${number}`)
    this.#recipient.ack(CHANNEL, [received.id])
  }

  /** Exchanges envelopes until `stop`. @returns how many */
  async exchangeUntilStopped(): Promise<number> {
    for (let number = 0; ; number++) {
      if (this.#isStopped) return number
      await this.exchange(number)
      await sleep(PAUSE_MS)
    }
  }

  /** Ends what `exchangeUntilStopped` began, and both connections. */
  async stop(exchanging: Promise<number>): Promise<number> {
    this.#isStopped = true
    const count = await exchanging
    await Promise.all([this.#sender.close(), this.#recipient.close()])
    return count
  }
}
