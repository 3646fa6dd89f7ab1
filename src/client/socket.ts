import { ClientError, NetworkError, UnexpectedAnswerError } from './errors.ts'

const SUBPROTOCOL = 'lethe.v1'
const CLOSING_GRACE_MS = 2_000
const OPEN = 1
const CLOSED = 3

/** The close code of a connection that went without a word. */
export const CLOSE_ABNORMAL = 1006

/** The part of the browsers' WebSocket that is used here; `ws` has it too. */
export interface WebSocketLike {
  binaryType: string
  readonly protocol: string
  readonly readyState: number
  onopen: ((event: never) => unknown) | null
  onmessage: ((event: never) => unknown) | null
  onclose: ((event: never) => unknown) | null
  onerror: ((event: never) => unknown) | null
  send(data: Uint8Array<ArrayBuffer>): void
  close(code?: number): void
  /** Where the implementation has it (`ws`), it ends a connection whose other side no longer answers. */
  terminate?(): void
  /** Where the implementation has it (`ws`), it tells of the relay's pings. */
  on?(event: 'ping', listener: () => void): unknown
}

export type WebSocketConstructor = new (url: string, protocols: string) => WebSocketLike

/** What happens on a socket. After `onClose` or `onFailure` comes nothing more. */
export interface SocketEvents {
  onOpen(): void
  onFrame(frame: Uint8Array): void
  /** The connection is gone, or was never there; `cause` is what the implementation said of it, where it says anything. */
  onClose(code: number, cause?: unknown): void
  /** What is at the other end does not speak this protocol. */
  onFailure(error: ClientError): void
}

/** A connection being made or open. */
export interface Socket {
  send(frame: Uint8Array): void
  /** Sends what was given to `send`, closes, and reports no more events. */
  close(): void
  /** Performance-clock time in milliseconds at which something last came; where pings can be seen, they count. */
  readonly heardMs: number
  /** Whether a silent connection can be told from a dead one, because pings are seen. */
  readonly seesPings: boolean
}

/** @throws ClientError ERR_NO_WEBSOCKET */
export function chooseWebSocket(given: WebSocketConstructor | undefined): WebSocketConstructor {
  const chosen = given ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket
  if (chosen === undefined) throw new ClientError('ERR_NO_WEBSOCKET')
  return chosen
}

/** Opens a socket of this protocol. Every failure comes as an event, never as an exception. */
export function openSocket(url: string, WebSocket: WebSocketConstructor, events: SocketEvents): Socket {
  let heardMs = performance.now()
  let isOver = false
  let socket: WebSocketLike
  try {
    socket = new WebSocket(url, SUBPROTOCOL)
  } catch (cause) {
    queueMicrotask(() => {
      if (!isOver) events.onFailure(new NetworkError({ cause }))
    })
    return {
      send() {},
      close() {
        isOver = true
      },
      heardMs,
      seesPings: false,
    }
  }
  const finish = (): boolean => {
    if (isOver) return false
    isOver = true
    letGo(socket)
    return true
  }
  const fail = (cause?: unknown): void => {
    if (finish()) events.onFailure(new UnexpectedAnswerError({ cause }))
  }
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => {
    if (isOver) return
    if (socket.protocol === SUBPROTOCOL) events.onOpen()
    else fail()
  }
  socket.onmessage = ({ data }: { data: unknown }) => {
    heardMs = performance.now()
    if (isOver) return
    const frame = readFrame(data)
    if (frame === undefined) return fail()
    try {
      events.onFrame(frame)
    } catch (cause) {
      fail(cause)
    }
  }
  let cause: unknown
  socket.onerror = (event: { error?: unknown }) => {
    cause = event.error // a close follows
  }
  socket.onclose = ({ code }: { code: number }) => {
    if (finish()) events.onClose(code, cause)
  }
  socket.on?.('ping', () => {
    heardMs = performance.now()
  })
  return {
    send(frame) {
      if (!isOver && socket.readyState === OPEN) socket.send(frame as Uint8Array<ArrayBuffer>)
    },
    close() {
      finish()
    },
    get heardMs() {
      return heardMs
    },
    seesPings: typeof socket.on === 'function',
  }
}

function readFrame(data: unknown): Uint8Array | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  return data instanceof Uint8Array ? data : undefined
}

/** Closes; a peer that is no longer there would hold the connection for long, so it is cut where that can be done. */
function letGo(socket: WebSocketLike): void {
  if (socket.readyState === CLOSED) return
  socket.close(1000)
  if (socket.terminate === undefined) return
  const timer = setTimeout(() => socket.terminate?.(), CLOSING_GRACE_MS)
  socket.onclose = () => clearTimeout(timer)
}
