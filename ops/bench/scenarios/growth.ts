import { startClients } from '../clients.ts'
import { type Effort, flowOf, targetOf } from '../measure.ts'
import { sum } from '../sample.ts'
import { type Size, startOfSize } from '../systems.ts'

/** What a message costs where the relay has so many instances, and Redis so many masters. */
export interface Growth extends Size {
  /** CPU time a message, in microseconds: all instances, and all masters. */
  readonly relayMicroseconds: number
  readonly redisMicroseconds: number
  /** Of an instance to which nobody is connected, and which hears every wake-up. */
  readonly bystanderMicroseconds: number
  readonly messagesPerSecond: number
}

export const SIZES: readonly Size[] = [
  { instances: 1, masters: 1, hasBystander: false },
  { instances: 2, masters: 1, hasBystander: false },
  { instances: 1, masters: 3, hasBystander: false },
  { instances: 2, masters: 3, hasBystander: false },
  { instances: 1, masters: 1, hasBystander: true },
]

/** One round of one size, saturated. Of two instances, each has half of the senders and half of the recipients. */
export async function measureGrowth(size: Size, effort: Effort): Promise<Growth> {
  const server = await startOfSize(size)
  const clients = startClients()
  try {
    await clients.prepare({ ...targetOf('lethe', server, effort), otherPorts: server.otherPorts })
    await clients.openRecipients()
    const { cpuMicroseconds, messages, seconds } = await clients.flow(flowOf(effort, server))
    const bystanders = Number(size.hasBystander)
    const relays = cpuMicroseconds.slice(0, size.instances)
    const others = cpuMicroseconds.slice(size.instances)
    return {
      ...size,
      relayMicroseconds: sum(relays) / messages,
      bystanderMicroseconds: sum(others.slice(0, bystanders)) / messages,
      redisMicroseconds: sum(others.slice(bystanders)) / messages,
      messagesPerSecond: messages / seconds,
    }
  } finally {
    await clients.stop()
    await server.stop()
  }
}
