import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Reachable } from '../conformance/mailbox-socket.ts'

/** A relay as one person reaches it: from that person's IP address, with everything on the way written down. */
export interface Wire extends Reachable {
  readonly url: string
  /** What the relay sent, a piece for each connection. */
  received(): Buffer[]
  /** What the person sent, a piece for each connection. */
  sent(): Buffer[]
  /** From now on takes nothing of what the relay sends on what is open. */
  hold(): void
  /** Cuts what is open and ends. */
  stop(): Promise<void>
}

/** A relay that listens on 127.0.0.1. */
export interface Listening {
  readonly port: number
  /** What signatures are bound to. */
  readonly origin: string
}

/** @param peer the IP address in 127.0.0.0/8 that the relay is to see */
export async function startWire(relay: Listening, peer: string): Promise<Wire> {
  const [received, sent]: [Buffer[][], Buffer[][]] = [[], []]
  const [ends, farEnds]: [Set<Socket>, Set<Socket>] = [new Set(), new Set()]
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: relay.port, host: '127.0.0.1', localAddress: peer, allowHalfOpen: true })
    farEnds.add(far)
    for (const [end, other, into] of [
      [far, near, received],
      [near, far, sent],
    ] as const) {
      const chunks: Buffer[] = []
      into.push(chunks)
      ends.add(end)
      // Beside the pipe, which pauses both while the other end takes nothing.
      end.on('data', (chunk: Buffer) => chunks.push(chunk)).pipe(other)
      end.on('error', () => other.destroy())
      end.on('close', () => {
        ends.delete(end)
        other.end()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const joined = (pieces: readonly Buffer[][]) => pieces.map((chunks) => Buffer.concat(chunks))
  return {
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    origin: relay.origin,
    received: () => joined(received),
    sent: () => joined(sent),
    hold: () => {
      for (const far of farEnds) far.unpipe().pause()
    },
    stop: async () => {
      for (const end of ends) end.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
