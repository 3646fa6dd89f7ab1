import type { ProtocolName } from './clients/protocol.ts'
import { type Clients, startClients } from './clients.ts'
import { type Sample, sampleOf } from './sample.ts'
import type { Running, StartOptions, System } from './systems.ts'

export const ENVELOPE_BYTES = 4_000
export const PACED_RATE = 3_000

/** How much of everything; a smoke test has less of it. */
export interface Effort {
  readonly senders: number
  readonly recipients: number
  readonly window: number
  /** Messages that pass before it is measured, so that code is compiled; but not for longer than so many seconds. */
  readonly warmMessages: number
  readonly warmSeconds: number
  readonly seconds: number
  /** Envelopes that wait for each recipient before they are drained. */
  readonly waitingEach: number
}

export const FULL: Effort = {
  senders: 200,
  recipients: 200,
  window: 32,
  warmMessages: 30_000,
  warmSeconds: 8,
  seconds: 3,
  waitingEach: 100,
}
export const QUICK: Effort = { ...FULL, warmMessages: 15_000, warmSeconds: 4, seconds: 1, waitingEach: 25 }
export const SMOKE: Effort = {
  senders: 4,
  recipients: 4,
  window: 4,
  warmMessages: 100,
  warmSeconds: 0.2,
  seconds: 0.3,
  waitingEach: 5,
}

export type Mode = 'online' | 'offline'

/** Starts a server and clients for it, and ends both. */
export async function withServer<T>(
  system: System,
  options: StartOptions,
  act: (server: Running, clients: Clients) => Promise<T>,
): Promise<T> {
  const server = await system.start(options)
  const clients = startClients()
  try {
    return await act(server, clients)
  } finally {
    await clients.stop()
    await server.stop()
  }
}

export function targetOf(protocol: ProtocolName, { port }: Running, { senders, recipients, window }: Effort) {
  return { protocol, port, senders, recipients, window, envelopeBytes: ENVELOPE_BYTES }
}

export function flowOf({ warmMessages, warmSeconds, seconds }: Effort, { pids }: Pick<Running, 'pids'>) {
  return { warmMessages, warmSeconds, seconds, isDelivered: true, pids }
}

/** One round of one server: both loads online, then storing and draining. */
export async function measureMessages(system: System, effort: Effort, modes: readonly Mode[]): Promise<Sample[]> {
  return await withServer(system, {}, async (server, clients) => {
    const samples: Sample[] = []
    await clients.prepare(targetOf(system.protocol, server, effort))
    await clients.openRecipients()
    const flow = flowOf(effort, server)
    if (modes.includes('online')) {
      samples.push(sampleOf(system.name, 'online-saturated', await clients.flow(flow)))
      const paced = await clients.flow({ ...flow, rate: PACED_RATE, warmMessages: PACED_RATE / 2 })
      samples.push(sampleOf(system.name, 'online-paced', paced))
    }
    if (modes.includes('offline') && system.stores) {
      // What runs for the first time is not what is measured.
      const batch = { count: effort.recipients * effort.waitingEach, pids: server.pids }
      for (const isWarm of [false, true]) {
        await clients.closeRecipients()
        const stored = await clients.store(batch)
        const drained = await clients.drain(batch)
        if (isWarm) samples.push(sampleOf(system.name, 'store', stored), sampleOf(system.name, 'drain', drained))
      }
    }
    return samples
  })
}

/** One round of deposits by HTTP that nobody receives. */
export async function measureHttp(system: System, effort: Effort): Promise<Sample> {
  return await withServer(system, {}, async (server, clients) => {
    await clients.prepare({ ...targetOf('http', server, effort), recipients: 2_000, window: 1 })
    const result = await clients.flow({ ...flowOf(effort, server), isDelivered: false })
    return sampleOf(system.name, 'http-deposit', result)
  })
}

/** One round at a given rate, for its latency. */
export async function measureAtRate(system: System, effort: Effort, rate: number): Promise<Sample> {
  return await withServer(system, {}, async (server, clients) => {
    await clients.prepare(targetOf(system.protocol, server, effort))
    await clients.openRecipients()
    const flow = flowOf(effort, server)
    await clients.flow({ ...flow, seconds: 0 })
    const result = await clients.flow({ ...flow, rate, warmMessages: rate / 2 })
    return sampleOf(system.name, 'half-rate', result)
  })
}
