import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy on 127.0.0.1 that changes what comes back. */
export interface RewritingProxy {
  readonly port: number
  stop(): Promise<void>
}

/**
 * @param rewrite is given each piece as it arrives, as latin1 text, and gives as many characters
 * @param port a free one by default
 */
export async function startRewritingProxy(
  target: number,
  rewrite: (text: string) => string,
  port = 0,
): Promise<RewritingProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    near.pipe(far)
    far.setEncoding('latin1').on('data', (text: string) => near.write(rewrite(text), 'latin1'))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
