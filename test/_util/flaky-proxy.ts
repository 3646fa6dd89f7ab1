import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy on 127.0.0.1 that does to connections what networks do. */
export interface FlakyProxy {
  readonly port: number
  /** `http://127.0.0.1:PORT`, for LETHE_PUBLIC_ORIGIN of the relay behind it and for clients. */
  readonly url: string
  /** Connections that were made so far, also those that are gone. */
  readonly connections: number
  /** Connections that are open now. */
  readonly open: number
  /** Where new connections lead. */
  setTarget(port: number): void
  /** Resets every open connection. */
  cut(): void
  /** From now on resets every new connection after so many bytes, both ways together; undefined ends that. */
  cutAfter(drawBytes: (() => number) | undefined): void
  /** Nothing comes through any more, and nobody is told: what is sent waits. */
  stall(): void
  /** Lets through what waits, and everything after it. */
  resume(): void
  stop(): Promise<void>
}

interface Pair {
  readonly ends: readonly [Socket, Socket]
  bytesLeft: number
}

/** Starts a proxy to `127.0.0.1:targetPort`. The caller stops it, in a teardown. */
export async function startFlakyProxy(targetPort = 0): Promise<FlakyProxy> {
  const pairs = new Set<Pair>()
  let target = targetPort
  let connections = 0
  let isStalled = false
  let draw: (() => number) | undefined

  const drop = (pair: Pair): void => {
    pairs.delete(pair)
    for (const end of pair.ends) end.resetAndDestroy()
  }
  const forward = (pair: Pair, from: Socket, to: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      const passed = chunk.subarray(0, pair.bytesLeft)
      pair.bytesLeft -= passed.length
      const isLast = pair.bytesLeft === 0
      if (!to.write(passed, () => isLast && drop(pair))) from.pause()
    })
    to.on('drain', () => {
      if (!isStalled) from.resume()
    })
    from.on('end', () => to.end())
    from.on('error', () => drop(pair))
    from.on('close', () => drop(pair))
    if (isStalled) from.pause()
  }

  const server = createServer({ allowHalfOpen: true }, (near) => {
    connections++
    const far = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true })
    const pair: Pair = { ends: [near, far], bytesLeft: Math.floor(draw?.() ?? Number.POSITIVE_INFINITY) }
    pairs.add(pair)
    forward(pair, near, far)
    forward(pair, far, near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const cut = (): void => {
    for (const pair of [...pairs]) drop(pair)
  }
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return connections
    },
    get open() {
      return pairs.size
    },
    setTarget: (next) => {
      target = next
    },
    cut,
    cutAfter: (drawBytes) => {
      draw = drawBytes
    },
    stall: () => {
      isStalled = true
      for (const { ends } of pairs) for (const end of ends) end.pause()
    },
    resume: () => {
      isStalled = false
      for (const { ends } of pairs) for (const end of ends) end.resume()
    },
    stop: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
