import { setTimeout as sleep } from 'node:timers/promises'
import type { Clients } from '../clients.ts'
import { type Effort, targetOf, withServer } from '../measure.ts'
import { residentBytes } from '../processes.ts'
import { type Running, type System, systemNamed } from '../systems.ts'

/** Memory of one connection on which nothing happens, in bytes. */
export interface IdleMemory {
  readonly bareBytes: number
  readonly mailboxBytes: number
}

/** They come before memory is first read: what they make a server load is not theirs. */
const FIRST = 500

/** The least that a process has while it is left alone for a while: what it has not yet freed is not in use. */
async function settledBytes(pid: number, seconds: number): Promise<number> {
  let least = residentBytes(pid)
  for (let i = 0; i < seconds; i++) {
    await sleep(1_000)
    least = Math.min(least, residentBytes(pid))
  }
  return least
}

/** One round: bare `ws` connections, then open mailboxes of a relay on Redis; the relay's process counts. */
export async function measureIdleMemory(count: number, settleSeconds: number, effort: Effort): Promise<IdleMemory> {
  const measure = (system: System, kind: 'idle' | 'mailbox') =>
    withServer(system, {}, async (server: Running, clients: Clients) => {
      await clients.prepare({ ...targetOf('lethe', server, effort), senders: 0, recipients: FIRST + count })
      const pid = server.pids[0] as number
      await clients.hold({ count: FIRST, kind })
      const before = await settledBytes(pid, settleSeconds)
      await clients.hold({ count, kind })
      return ((await settledBytes(pid, settleSeconds)) - before) / count
    })
  return {
    bareBytes: await measure(systemNamed('ws-echo'), 'idle'),
    mailboxBytes: await measure(systemNamed('lethe-redis'), 'mailbox'),
  }
}
