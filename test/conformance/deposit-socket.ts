import { type Deposit, depositFrame } from './client.ts'
import { type DepositFrame, parseDepositFrame } from './frames.ts'
import { Socket, type SocketOptions } from './socket.ts'

/** A sender's socket [protocol §4]. */
export class DepositSocket extends Socket {
  deposit(deposit: Deposit): void {
    this.send(depositFrame(deposit))
  }

  /** The next answer of the relay. */
  async answer(): Promise<DepositFrame> {
    return parseDepositFrame(await this.nextBytes())
  }

  /** Sends all without waiting and resolves with the answers, sorted by ref. */
  async depositAll(deposits: readonly Deposit[]): Promise<DepositFrame[]> {
    for (const deposit of deposits) this.deposit(deposit)
    const answers: DepositFrame[] = []
    for (const _ of deposits) answers.push(await this.answer())
    return answers.sort((a, b) => a.ref - b.ref)
  }
}

/** Opens a sender's socket. */
export function connectDeposit(relay: { wsUrl: string }, options: SocketOptions = {}): Promise<DepositSocket> {
  return new DepositSocket(`${relay.wsUrl}/v1/deposit`, options).opened()
}

/** Lays envelopes into one mailbox, in their order, over a socket of its own; rejects where one is refused. */
export async function depositAll(
  relay: { wsUrl: string },
  address: Buffer,
  envelopes: readonly Buffer[],
  ttl = 86_400,
): Promise<void> {
  const socket = await connectDeposit(relay)
  const answers = await socket.depositAll(envelopes.map((envelope, ref) => ({ ref, ttl, address, envelope })))
  const refused = answers.find(({ type }) => type !== 'ACCEPTED')
  if (refused) throw new Error(`a deposit was refused: ${JSON.stringify(refused)}`)
  await socket.close()
}
