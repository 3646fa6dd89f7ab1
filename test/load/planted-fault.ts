import { type Asker, type Deposit, Depositor } from '../../src/mailbox/deposit.ts'

/**
 * Loaded into a relay before it starts (`node --import`): from then on one deposit in so many goes wrong, as
 * `PLANTED_FAULT=kind:every` says. Whatever else the relay does is untouched. Each is told on standard error.
 */
const [kind = '', every = '1'] = (process.env.PLANTED_FAULT ?? '').split(':')

const store: (deposit: Deposit) => void = Depositor.prototype.deposit
const nobody: Asker = { accepted() {}, refused() {} }

let deposits = 0
let previous: Buffer | undefined
let held: { address: Buffer; store: () => void } | undefined

/** A copy: the relay overwrites frames once it has answered. */
function addressOf({ address }: Deposit): Buffer {
  return Buffer.from(address)
}

function tellPlanted(): void {
  process.stderr.write('planted\n')
}

function copyFor(deposit: Deposit, address: Buffer): Deposit {
  return { ...deposit, address, frame: Uint8Array.from(deposit.frame) }
}

/** What goes wrong with a deposit, in place of storing it. */
const FAULTS: Record<string, (relay: Depositor, deposit: Deposit) => void> = {
  drop: (_relay, { asker, ref, frame }) => asker.accepted(ref, frame.length, 3_600),
  duplicate: (relay, deposit) => {
    const again = copyFor(deposit, addressOf(deposit))
    store.call(relay, deposit)
    store.call(relay, { ...again, asker: nobody })
  },
  swap: (relay, deposit) => {
    store.call(relay, copyFor(deposit, previous ?? addressOf(deposit)))
  },
  corrupt: (relay, deposit) => {
    const at = deposit.frame.length - 1 - (deposits % 3_000)
    deposit.frame[at] = (deposit.frame[at] as number) ^ 0x10
    store.call(relay, deposit)
  },
  reorder: (relay, deposit) => {
    const later = copyFor(deposit, addressOf(deposit))
    held = { address: addressOf(deposit), store: () => store.call(relay, later) }
  },
}

const fault = FAULTS[kind]
if (fault === undefined) throw new Error(`PLANTED_FAULT is one of ${Object.keys(FAULTS).join(', ')}`)

Depositor.prototype.deposit = function plant(deposit: Deposit): void {
  const address = addressOf(deposit)
  const wait = held
  deposits++
  if (wait !== undefined) {
    store.call(this, deposit)
    if (!wait.address.equals(address)) return
    held = undefined
    tellPlanted()
    wait.store()
  } else if (deposits % Number(every) === 0 && !(kind === 'swap' && previous?.equals(address))) {
    if (kind !== 'reorder') tellPlanted()
    fault(this, deposit)
  } else store.call(this, deposit)
  previous = address
}
