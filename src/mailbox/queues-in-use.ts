import { type Queue, wipeQueue } from './sealing.ts'

/** The queue of an address for which deposits are on their way. */
export interface QueueInUse {
  readonly address: Buffer
  readonly queue: Queue
  deposits: number
}

/**
 * Queues of the addresses for which deposits are on their way, so that several for one address derive it once, whoever
 * sends them. An address is not known for longer than that, and its keys are overwritten. [protocol §1]
 */
export class QueuesInUse {
  readonly #derive: (address: Uint8Array) => Queue
  /** By the first bytes of the address. A string of all of it could not be overwritten. */
  readonly #known = new Map<number, QueueInUse>()

  constructor(derive: (address: Uint8Array) => Queue) {
    this.#derive = derive
  }

  /** To be given back with `release` when the deposit is settled. */
  take(address: Uint8Array): QueueInUse {
    const bytes = Buffer.from(address.buffer, address.byteOffset, address.length)
    const key = bytes.readUIntBE(0, 6)
    const known = this.#known.get(key)
    if (known?.address.equals(bytes)) {
      known.deposits++
      return known
    }
    const taken = { address: Buffer.from(bytes), queue: this.#derive(address), deposits: 1 }
    // Another address that begins alike stays where it is: this one is then derived for each deposit.
    if (known === undefined) this.#known.set(key, taken)
    return taken
  }

  release(taken: QueueInUse): void {
    taken.deposits--
    if (taken.deposits > 0) return
    const key = taken.address.readUIntBE(0, 6)
    if (this.#known.get(key) === taken) this.#known.delete(key)
    taken.address.fill(0)
    wipeQueue(taken.queue)
  }
}
