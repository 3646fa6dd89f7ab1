import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below the kernel's range for outgoing connections, so that a server can come back on its port after a restart. */
const LOWEST_PORT = 11_000
const HIGHEST_PORT = 21_999

/** Redis Cluster's bus listens at the port plus this. */
export const CLUSTER_BUS_OFFSET = 10_000

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1' }, () => probe.close(() => resolve(true)))
  })
}

/** A TCP port on 127.0.0.1 that nobody listens on now; with `bus` also free at the port of Redis Cluster's bus. */
export async function findFreePort({ bus = false }: { bus?: boolean } = {}): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT + 1)
    if ((await isFree(port)) && (!bus || (await isFree(port + CLUSTER_BUS_OFFSET)))) return port
  }
  throw new Error(`no free port found on 127.0.0.1 between ${LOWEST_PORT} and ${HIGHEST_PORT}`)
}
