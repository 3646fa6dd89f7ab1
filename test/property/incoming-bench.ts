import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { SUBPROTOCOL } from '../../src/protocol/subprotocol.ts'
import { Incoming } from '../../src/ws/incoming.ts'
import { webSocketOptions } from '../../src/ws/plugin.ts'

const REQUEST = {
  method: 'GET',
  url: '/v1/deposit',
  headers: {
    upgrade: 'websocket',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'sec-websocket-version': '13',
    'sec-websocket-protocol': SUBPROTOCOL,
  },
} as unknown as IncomingMessage

/** What is done to a socket from its two ends, and when. */
export interface Script {
  /** Longest message. */
  readonly limitBytes: number
  /** Comes with the handshake. */
  readonly head: Buffer
  /** Come one after the other; the socket is paused or resumed before it. */
  readonly chunks: readonly { readonly bytes: Buffer; readonly before?: 'pause' | 'resume' | undefined }[]
  /** What the server does on its nth message, in the middle of a chunk. */
  readonly reactions: readonly (readonly [nth: number, reaction: 'pause' | 'close' | 'terminate'])[]
  /** `resume`: it is resumed when it is gone already, which the server has not heard yet. */
  readonly end: 'end' | 'destroy' | 'fail' | 'resume'
}

/** Something that came out of a socket, in its order. */
export type Seen = readonly [what: string, ...details: (Buffer | string | number)[]]

/** A transport whose pieces arrive as they are given. */
class Transport extends Duplex {
  readonly #onWrite: (bytes: Buffer) => void

  constructor(onWrite: (bytes: Buffer) => void) {
    super()
    this.#onWrite = onWrite
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#onWrite(Buffer.from(bytes))
    done()
  }
}

/**
 * Plays a script on a socket of `ws`, by itself or with `Incoming` in front. Bytes are given as copies, since they are
 * unmasked in place.
 * @returns what came out; messages as they were given, to be seen if they change later
 */
export async function play(script: Script, isInFront: boolean): Promise<Seen[]> {
  const seen: Seen[] = []
  const reactions = new Map(script.reactions)
  let messages = 0
  const transport = new Transport((bytes) => seen.push(['write', bytes]))
  const server = new WebSocketServer({ ...webSocketOptions(script.limitBytes), noServer: true })
  let socket: WebSocket | undefined
  server.handleUpgrade(REQUEST, transport, Buffer.from(script.head), (made) => {
    socket = made
    const receive = (message: Buffer) => {
      seen.push(['message', message])
      const reaction = reactions.get(++messages)
      if (reaction === 'close') made.close(4000)
      else if (reaction) made[reaction]()
    }
    if (isInFront) new Incoming(transport as unknown as Socket, script.limitBytes, receive)
    made.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) receive(data as Buffer)
      else seen.push(['text', data as Buffer])
    })
    made.on('ping', (data) => seen.push(['ping', Buffer.from(data)]))
    made.on('pong', (data) => seen.push(['pong', Buffer.from(data)]))
    made.on('error', (error: Error & { code?: string }) => seen.push(['error', `${error.code}`]))
    made.on('close', (code, reason) => seen.push(['close', code, reason]))
  })
  if (!socket) throw new Error('no handshake')
  const closed = new Promise((resolve) => socket?.once('close', resolve))
  await turn()
  for (const { bytes, before } of script.chunks) {
    if (before) socket[before]()
    transport.push(Buffer.from(bytes))
    await turn()
  }
  if (script.end === 'end') transport.push(null)
  else transport.destroy(script.end === 'fail' ? new Error('reset') : undefined)
  if (script.end === 'resume') socket.resume()
  await turn()
  transport.destroy()
  await closed
  await turn()
  return seen
}
