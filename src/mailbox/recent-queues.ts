import type { Queue } from './sealing.ts'

/** Addresses that one connection may have derived at once; a sender of a group message has about as many. */
const MAX_QUEUES = 64

/** Queues of the addresses that one connection has deposited for lately, so that each is derived once. Dies with it. */
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

  clear(): void {
    this.#queues.clear()
  }
}
