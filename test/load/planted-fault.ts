import { type Deposit, type DepositAnswer, Depositor } from '../../src/mailbox/deposit.ts'

/**
 * Loaded into a relay before it starts (`node --import`): from then on one deposit in so many goes wrong, as
 * `PLANTED_FAULT=kind:every` says. Whatever else the relay does is untouched. Each is told on standard error.
 */
const [kind = '', every = '1'] = (process.env.PLANTED_FAULT ?? '').split(':')

type Answer = (answer: DepositAnswer) => void
type Store = (deposit: Deposit, answer: Answer) => void

const store: Store = Depositor.prototype.deposit

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
const FAULTS: Record<string, (relay: Depositor, deposit: Deposit, answer: Answer) => void> = {
  drop: (_relay, _deposit, answer) => answer({ kind: 'accepted', grantedSeconds: 3_600 }),
  duplicate: (relay, deposit, answer) => {
    const again = copyFor(deposit, addressOf(deposit))
    store.call(relay, deposit, answer)
    store.call(relay, again, () => undefined)
  },
  swap: (relay, deposit, answer) => {
    store.call(relay, copyFor(deposit, previous ?? addressOf(deposit)), answer)
  },
  corrupt: (relay, deposit, answer) => {
    const at = deposit.frame.length - 1 - (deposits % 3_000)
    deposit.frame[at] = (deposit.frame[at] as number) ^ 0x10
    store.call(relay, deposit, answer)
  },
  reorder: (relay, deposit, answer) => {
    const later = copyFor(deposit, addressOf(deposit))
    held = { address: addressOf(deposit), store: () => store.call(relay, later, answer) }
  },
}

const fault = FAULTS[kind]
if (fault === undefined) throw new Error(`PLANTED_FAULT is one of ${Object.keys(FAULTS).join(', ')}`)

Depositor.prototype.deposit = function plant(deposit: Deposit, answer: Answer): void {
  const address = addressOf(deposit)
  const wait = held
  deposits++
  if (wait !== undefined) {
    store.call(this, deposit, answer)
    if (!wait.address.equals(address)) return
    held = undefined
    tellPlanted()
    wait.store()
  } else if (deposits % Number(every) === 0 && !(kind === 'swap' && previous?.equals(address))) {
    if (kind !== 'reorder') tellPlanted()
    fault(this, deposit, answer)
  } else store.call(this, deposit, answer)
  previous = address
}
