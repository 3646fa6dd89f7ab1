import { type Queue, wipeQueue } from './sealing.ts'

/** More than there are addresses in use at once, where several deposits are for the same ones. */
const PLACES = 4096

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
  /**
   * By the first bits of the address; a string of all of it could not be overwritten. An array and no Map: that would make
   * itself anew after every few deposits, and what it leaves behind keeps them from being collected early.
   */
  readonly #known: (QueueInUse | undefined)[] = new Array(PLACES).fill(undefined)

  constructor(derive: (address: Uint8Array) => Queue) {
    this.#derive = derive
  }

  /** To be given back with `release` when the deposit is settled. */
  take(address: Uint8Array): QueueInUse {
    const place = placeOf(address)
    const known = this.#known[place]
    if (known?.address.equals(address)) {
      known.deposits++
      return known
    }
    const taken = { address: Buffer.from(address), queue: this.#derive(address), deposits: 1 }
    // Another address that has the place stays there: this one is then derived for each deposit.
    if (known === undefined) this.#known[place] = taken
    return taken
  }

  release(taken: QueueInUse): void {
    taken.deposits--
    if (taken.deposits > 0) return
    const place = placeOf(taken.address)
    if (this.#known[place] === taken) this.#known[place] = undefined
    taken.address.fill(0)
    wipeQueue(taken.queue)
  }
}

function placeOf(address: Uint8Array): number {
  return (((address[0] as number) << 8) | (address[1] as number)) % PLACES
}
