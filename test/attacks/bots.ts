import { connect, type Socket } from 'node:net'

/** What an attacker counts: how often each thing happened. */
export type Counts = Record<string, number>

/** Where the relay is, and from which address of this machine it is attacked. */
export interface Target {
  readonly port: number
  /** A loopback address in another /24 than that of honest clients. */
  readonly from: string
}

/** What a bot does on one connection. Called when it stands; gives what is to be done when something comes. */
export type Behaviour = (
  socket: Socket,
  count: (what: string, times?: number) => void,
) => ((chunk: Buffer) => void) | undefined

const AGAIN_MS = 20

/** Connections that all do the same, each made anew as soon as it has ended. */
export class Bots {
  readonly counts: Counts = {}
  readonly #target: Target
  readonly #behaviour: Behaviour
  readonly #sockets = new Set<Socket>()
  #isStopped = false

  constructor(target: Target, behaviour: Behaviour) {
    this.#target = target
    this.#behaviour = behaviour
  }

  /** @param connections how many stand at a time; they come within a second or so */
  start(connections: number): void {
    for (let number = 0; number < connections; number++) {
      setTimeout(() => this.#connect(), (number / connections) * 1_000)
    }
  }

  stop(): void {
    this.#isStopped = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  readonly #count = (what: string, times = 1): void => {
    this.counts[what] = (this.counts[what] ?? 0) + times
  }

  #connect(): void {
    if (this.#isStopped) return
    const { port, from } = this.#target
    const socket = connect({ host: '127.0.0.1', port, localAddress: from })
    this.#sockets.add(socket)
    socket.once('connect', () => {
      this.#count('connections')
      const onData = this.#behaviour(socket, this.#count)
      if (onData) socket.on('data', onData)
      else socket.resume()
    })
    socket.on('error', () => {}) // what matters of it is that it ends
    socket.on('end', () => socket.destroy())
    socket.once('close', () => {
      this.#sockets.delete(socket)
      if (this.#isStopped) return
      this.#count('ended')
      setTimeout(() => this.#connect(), AGAIN_MS)
    })
  }
}

/** Writes a piece again and again, as fast as the relay takes it. */
export function flood(socket: Socket, piece: Buffer, onSent: () => void): void {
  const more = () => {
    while (socket.writable) {
      onSent()
      if (!socket.write(piece)) return
    }
  }
  socket.on('drain', more)
  more()
}

/** Calls `done` once the bytes that have come hold the end of a header; gives what else comes to `rest`. */
export function afterHandshake(done: () => void, rest: (chunk: Buffer) => void = () => {}): (chunk: Buffer) => void {
  let head = ''
  let isOver = false
  return (chunk) => {
    if (isOver) return rest(chunk)
    head += chunk.toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    isOver = true
    done()
    if (head.length > end + 4) rest(Buffer.from(head.slice(end + 4), 'latin1'))
  }
}
