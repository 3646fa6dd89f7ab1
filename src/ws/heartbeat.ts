import type { WebSocket } from 'ws'

const PING_PERIOD_SECONDS = 30
const MAX_MISSED_PONGS = 2

/** Pings every socket every 30 s, spread over the period, and ends those that miss two pongs. [protocol §5] */
export class Heartbeat {
  readonly #slots: Map<WebSocket, number>[] = Array.from({ length: PING_PERIOD_SECONDS }, () => new Map())
  readonly #timer: NodeJS.Timeout
  #second = 0

  constructor() {
    this.#timer = setInterval(() => this.#beat(), 1000).unref()
  }

  add(socket: WebSocket): void {
    const slot = this.#slots[this.#second] as Map<WebSocket, number>
    slot.set(socket, 0)
    socket.on('pong', () => slot.has(socket) && slot.set(socket, 0))
    socket.on('close', () => slot.delete(socket))
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    this.#second = (this.#second + 1) % PING_PERIOD_SECONDS
    const slot = this.#slots[this.#second] as Map<WebSocket, number>
    for (const [socket, unanswered] of slot) {
      if (unanswered >= MAX_MISSED_PONGS) {
        socket.terminate()
        continue
      }
      slot.set(socket, unanswered + 1)
      socket.ping()
    }
  }
}
