import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import WebSocket from 'ws'

/** What comes out of a socket: frames in order, and the close as the last thing. */
export type Arrival =
  | { readonly kind: 'frame'; readonly bytes: Buffer; readonly binary: boolean }
  | { readonly kind: 'close'; readonly code: number }

/** What a client may do differently when it opens a socket. */
export interface SocketOptions {
  /** Subprotocols to offer, `lethe.v1` by default. */
  readonly protocols?: readonly string[]
  readonly headers?: Record<string, string>
  /** Offer permessage-deflate; it is not offered by default. */
  readonly offerCompression?: boolean
  /** Answer pings; true by default. */
  readonly autoPong?: boolean
  /** Where to connect from. */
  readonly localAddress?: string
}

/** An HTTP answer to a WebSocket handshake. */
export interface Refusal {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** How long to wait for something that must come, in milliseconds. */
export const PATIENCE_MS = 15_000
/** How long nothing must come where nothing may, in milliseconds. */
export const QUIET_MS = 200
/** The code that `ws` reports where a connection ended without a close frame. */
export const NO_CLOSE_FRAME = 1006

const openSockets = new Set<WebSocket>()

/** Ends every socket that this process still has open. */
export function terminateAll(): void {
  for (const socket of openSockets) socket.terminate()
}

/** What has arrived and was not taken yet; somebody may be waiting for the next. */
class Inbox {
  readonly #arrived: Arrival[] = []
  #onArrival: (() => void) | undefined

  add(arrival: Arrival): void {
    this.#arrived.push(arrival)
    this.#onArrival?.()
  }

  async next(timeoutMs: number): Promise<Arrival | undefined> {
    if (this.#arrived.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#onArrival = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#onArrival = undefined
    }
    return this.#arrived.shift()
  }
}

/** A WebSocket whose frames are awaited one by one. */
export class Socket {
  readonly #socket: WebSocket
  readonly #inbox = new Inbox()
  #pings = 0

  constructor(url: string, options: SocketOptions = {}) {
    const { protocols = ['lethe.v1'], headers = {}, offerCompression = false, autoPong = true, localAddress } = options
    this.#socket = new WebSocket(url, [...protocols], {
      headers,
      perMessageDeflate: offerCompression,
      autoPong,
      localAddress,
    })
    openSockets.add(this.#socket)
    this.#socket.on('message', (data, binary) => this.#inbox.add({ kind: 'frame', bytes: data as Buffer, binary }))
    this.#socket.on('ping', () => {
      this.#pings += 1
    })
    this.#socket.on('error', () => {}) // what matters of it shows in the close
    this.#socket.on('close', (code) => {
      openSockets.delete(this.#socket)
      this.#inbox.add({ kind: 'close', code })
    })
  }

  /** Resolves when the handshake is done; rejects where it is refused. */
  opened(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#socket.once('open', () => resolve(this))
      this.#socket.once('error', reject)
    })
  }

  /** Resolves with the HTTP answer that refuses the handshake; rejects where the socket opens. */
  refusal(): Promise<Refusal> {
    return new Promise((resolve, reject) => {
      this.#socket.once('open', () => reject(new Error('the handshake was not refused')))
      this.#socket.once('error', reject)
      this.#socket.once('unexpected-response', (_request, response: IncomingMessage) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
          openSockets.delete(this.#socket)
        })
      })
    })
  }

  /** The subprotocol and the extensions that were agreed on. */
  get agreed(): { protocol: string; extensions: string } {
    return { protocol: this.#socket.protocol, extensions: this.#socket.extensions }
  }

  /** How many pings have come. */
  get pings(): number {
    return this.#pings
  }

  /** Whether the connection stands. */
  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** Sends one binary frame, a text becomes a text frame. */
  send(data: Buffer | string): void {
    this.#socket.send(data)
  }

  ping(): void {
    this.#socket.ping()
  }

  /** Sends one message in as many frames as there are parts. */
  sendFragments(parts: readonly Buffer[]): void {
    for (const [index, part] of parts.entries()) {
      this.#socket.send(part, { binary: true, fin: index === parts.length - 1 })
    }
  }

  /** The next thing to arrive; rejects where nothing does. */
  async next(timeoutMs = PATIENCE_MS): Promise<Arrival> {
    const arrival = await this.#inbox.next(timeoutMs)
    if (!arrival) throw new Error(`nothing came within ${timeoutMs} ms`)
    return arrival
  }

  /** The bytes of the next frame; rejects where a close, a text frame or nothing comes instead. */
  async nextBytes(timeoutMs = PATIENCE_MS): Promise<Buffer> {
    const arrival = await this.next(timeoutMs)
    if (arrival.kind === 'close') throw new Error(`closed with ${arrival.code} where a frame was awaited`)
    if (!arrival.binary) throw new Error('a text frame came')
    return arrival.bytes
  }

  /** The close code; rejects where a frame comes first. */
  async closeCode(timeoutMs = PATIENCE_MS): Promise<number> {
    const arrival = await this.next(timeoutMs)
    if (arrival.kind === 'frame') throw new Error(`a frame came first: ${arrival.bytes.toString('hex', 0, 40)}`)
    return arrival.code
  }

  /** Takes what comes until nothing has come for a while. */
  async rest(quietMs = QUIET_MS): Promise<Arrival[]> {
    const arrivals: Arrival[] = []
    for (;;) {
      const arrival = await this.#inbox.next(quietMs)
      if (!arrival) return arrivals
      arrivals.push(arrival)
      if (arrival.kind === 'close') return arrivals
    }
  }

  /** Stops reading from the network, as a stalled client does. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Closes in good order and resolves when that is done. */
  async close(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return
    const closed = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.close()
    await closed
  }

  /** Ends the connection without a word, as a lost network does. */
  terminate(): void {
    this.#socket.terminate()
  }
}
