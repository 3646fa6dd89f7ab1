import { connect, type Socket } from 'node:net'

const AGAIN_MS = 20

/** Connections to a relay that say nothing, and are made anew whenever they end. */
export class HeldConnections {
  readonly #url: URL
  readonly #sockets = new Set<Socket>()
  #isHeld = true

  constructor(url: string, count: number) {
    this.#url = new URL(url)
    for (let i = 0; i < count; i++) this.#connect()
  }

  release(): void {
    this.#isHeld = false
    for (const socket of this.#sockets) socket.destroy()
  }

  #connect(): void {
    if (!this.#isHeld) return
    const socket = connect({ host: this.#url.hostname, port: Number(this.#url.port) })
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      setTimeout(() => this.#connect(), AGAIN_MS)
    })
  }
}
