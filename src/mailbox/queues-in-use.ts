import { readU32 } from '../protocol/bytes.ts'
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
    const key = keyOf(address)
    const known = this.#known.get(key)
    if (known?.address.equals(address)) {
      known.deposits++
      return known
    }
    const taken = { address: Buffer.from(address), queue: this.#derive(address), deposits: 1 }
    // Another address that begins alike stays where it is: this one is then derived for each deposit.
    if (known === undefined) this.#known.set(key, taken)
    return taken
  }

  release(taken: QueueInUse): void {
    taken.deposits--
    if (taken.deposits > 0) return
    const key = keyOf(taken.address)
    if (this.#known.get(key) === taken) this.#known.delete(key)
    taken.address.fill(0)
    wipeQueue(taken.queue)
  }
}

function keyOf(address: Uint8Array): number {
  return readU32(address, 0) * 0x1_0000 + (((address[4] as number) << 8) | (address[5] as number))
}
