import { type Queue, wipeQueue } from './sealing.ts'

/** Addresses that one connection may have derived at once; a sender of a group message has about as many. */
const MAX_QUEUES = 64

/**
 * Queues of the addresses for which deposits of one connection are on their way, so that each is derived once. Whoever
 * sends to whom is not to be known for longer than that. [protocol §1]
 */
export class RecentQueues {
  readonly #derive: (address: Uint8Array) => Queue
  /** By the first bytes of the address. A string of all of it could not be overwritten. */
  readonly #queues = new Map<number, { address: Buffer; queue: Queue }>()

  constructor(derive: (address: Uint8Array) => Queue) {
    this.#derive = derive
  }

  of(address: Uint8Array): Queue {
    const bytes = Buffer.from(address.buffer, address.byteOffset, address.length)
    const key = bytes.readUIntBE(0, 6)
    const known = this.#queues.get(key)
    if (known?.address.equals(bytes)) return known.queue
    if (this.#queues.size >= MAX_QUEUES) this.#forget()
    const queue = this.#derive(address)
    known?.address.fill(0)
    this.#queues.set(key, { address: Buffer.from(bytes), queue })
    return queue
  }

  /** To be called when no deposit for any of them is on its way. */
  wipe(): void {
    for (const { queue } of this.#queues.values()) wipeQueue(queue)
    this.#forget()
  }

  // Deposits on their way still need the queues themselves.
  #forget(): void {
    for (const { address } of this.#queues.values()) address.fill(0)
    this.#queues.clear()
  }
}
