import { createEnvelope, type Mailbox, sha256 } from '../conformance/client.ts'
import type { Received } from '../conformance/frames.ts'

/** One envelope that was sent. */
interface Sent {
  readonly number: number
  readonly mailbox: Mailbox
  readonly digest: string
  /** `unknown`: not answered, or answered with an error that leaves open whether it was stored. */
  outcome: 'unknown' | 'accepted'
  id?: string
  isAcknowledged: boolean
}

function digestOf(envelope: Buffer): string {
  return sha256(envelope).toString('base64url')
}

/**
 * What senders were promised and recipients got, over all mailboxes and relays of a test. Whatever contradicts the
 * protocol is kept as a sentence in `problems`.
 */
export class Ledger {
  readonly problems: string[] = []
  readonly #sent: Sent[] = []
  readonly #numberOfId = new Map<string, number>()

  /** Makes an envelope that is told apart from all others by its first four bytes. */
  create(mailbox: Mailbox, sizeBytes: number): { number: number; envelope: Buffer } {
    const number = this.#sent.length
    const envelope = createEnvelope(sizeBytes, number)
    this.#sent.push({ number, mailbox, digest: digestOf(envelope), outcome: 'unknown', isAcknowledged: false })
    return { number, envelope }
  }

  accepted(number: number): void {
    this.#get(number).outcome = 'accepted'
  }

  /** Notes what a recipient got, and gives its number. */
  received(mailbox: Mailbox, { id, envelope }: Received): number {
    const number = envelope.readUInt32BE()
    const sent = this.#sent[number]
    if (sent === undefined || sent.digest !== digestOf(envelope)) {
      this.problems.push(`an envelope that nobody sent, or not like this: ${number}`)
      return number
    }
    if (sent.mailbox !== mailbox) this.problems.push(`${number} came to another mailbox than it was sent to`)
    sent.id ??= id
    if (sent.id !== id) this.problems.push(`${number} came again under another id`)
    const known = this.#numberOfId.get(id) ?? number
    this.#numberOfId.set(id, number)
    if (known !== number) this.problems.push(`${number} came under the id of ${known}`)
    return number
  }

  acknowledged(number: number): void {
    this.#get(number).isAcknowledged = true
  }

  isAcknowledged(number: number): boolean {
    return this.#get(number).isAcknowledged
  }

  /** How many envelopes were accepted so far. */
  get acceptedCount(): number {
    return this.#sent.filter(({ outcome }) => outcome === 'accepted').length
  }

  /** What was accepted and not acknowledged, by number; of one mailbox, or of all. */
  owed(mailbox?: Mailbox): number[] {
    return this.#sent
      .filter((sent) => sent.outcome === 'accepted' && !sent.isAcknowledged)
      .filter((sent) => mailbox === undefined || sent.mailbox === mailbox)
      .map(({ number }) => number)
  }

  #get(number: number): Sent {
    const sent = this.#sent[number]
    if (sent === undefined) throw new Error(`nothing was sent as ${number}`)
    return sent
  }
}
