import { type Clients, startClients } from '../clients.ts'
import { type Effort, ENVELOPE_BYTES, flowOf, targetOf } from '../measure.ts'
import { availableBytes } from '../processes.ts'
import { sum } from '../sample.ts'
import { type Running, systemNamed } from '../systems.ts'

const EACH = 5
const FEW = 1_000
/** What one envelope is taken to need of RAM with everything around it, in bytes. */
const RAM_BYTES = ENVELOPE_BYTES * 1.25

/** Cost of a message beside few and beside many envelopes that wait, in microseconds of CPU, one entry a round. */
export interface Crowded {
  readonly few: number
  readonly many: number
  readonly manyMailboxes: number
  readonly fewMicroseconds: number[]
  readonly manyMicroseconds: number[]
}

interface Filled {
  server: Running
  clients: Clients
}

/** A relay on Redis that holds so many envelopes of others, five for each mailbox, and clients of it. */
async function fill(waiting: number, effort: Effort): Promise<Filled> {
  const server = await systemNamed('lethe-redis').start({ redisArgs: ['--maxmemory', '0'] })
  const clients = startClients()
  await clients.prepare({ ...targetOf('lethe', server, effort), recipients: waiting / EACH, owned: 0 })
  await clients.store({ count: waiting, pids: server.pids })
  await clients.close()
  await clients.prepare(targetOf('lethe', server, effort))
  await clients.openRecipients()
  await clients.flow({ ...flowOf(effort, server), seconds: 0 })
  return { server, clients }
}

async function cost({ server, clients }: Filled, effort: Effort): Promise<number> {
  const { cpuMicroseconds, messages } = await clients.flow(flowOf(effort, server))
  return sum(cpuMicroseconds) / messages
}

/** Two relays, each with a Redis of its own, one nearly empty and one full, are measured in turns. */
export async function measureCrowded(wanted: number, rounds: number, effort: Effort): Promise<Crowded> {
  const fitting = Math.floor((availableBytes() * 0.7) / RAM_BYTES / FEW) * FEW
  const many = Math.min(wanted, fitting)
  const filled = [await fill(FEW, effort), await fill(many, effort)] as const
  const costs: [number[], number[]] = [[], []]
  try {
    for (let round = 0; round < rounds; round++) {
      for (const which of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        costs[which].push(await cost(filled[which], { ...effort, warmMessages: effort.warmMessages / 10 }))
      }
    }
  } finally {
    for (const { server, clients } of filled) {
      await clients.stop()
      await server.stop()
    }
  }
  return { few: FEW, many, manyMailboxes: many / EACH, fewMicroseconds: costs[0], manyMicroseconds: costs[1] }
}
