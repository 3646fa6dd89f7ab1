import { type Queue, wipeQueue } from './sealing.ts'

/** Addresses that one connection may have derived at once; a sender of a group message has about as many. */
const MAX_QUEUES = 64

/**
 * Queues of the addresses for which deposits of one connection are on their way, so that each is derived once. Whoever
 * sends to whom is not to be known for longer than that. [protocol §1]
 */
export class RecentQueues {
  readonly #derive: (address: Uint8Array) => Queue
  readonly #queues = new Map<string, Queue>()

  constructor(derive: (address: Uint8Array) => Queue) {
    this.#derive = derive
  }

  of(address: Uint8Array): Queue {
    const key = Buffer.from(address.buffer, address.byteOffset, address.length).toString('latin1')
    const known = this.#queues.get(key)
    if (known) return known
    if (this.#queues.size >= MAX_QUEUES) this.#queues.clear()
    const queue = this.#derive(address)
    this.#queues.set(key, queue)
    return queue
  }

  /** To be called when no deposit for any of them is on its way. */
  wipe(): void {
    for (const queue of this.#queues.values()) wipeQueue(queue)
    this.#queues.clear()
  }
}
