import { once } from 'node:events'
import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { encodeDepositFrame } from '../../src/protocol/deposit-frames.ts'
import type { Relay } from '../../test/_util/relay.ts'

/** Deposits one envelope at a time. */
export interface TimedSender {
  /** @returns from the first byte sent to the first byte answered, in microseconds */
  send(address: Uint8Array, envelope: Uint8Array): Promise<number>
  close(): void
}

export const SENDERS = { HTTP: connectHttp, WebSocket: connectSocket } as const

/** One connection that is kept open, and requests written by hand: nothing in between that takes time of its own. */
async function connectHttp(relay: Relay): Promise<TimedSender> {
  const { hostname, port, host } = new URL(relay.url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  return {
    send(address, envelope) {
      const head =
        `POST /v1/deposit HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/octet-stream\r\n` +
        `Content-Length: ${address.length + envelope.length}\r\n\r\n`
      const request = Buffer.concat([Buffer.from(head), address, envelope])
      return measure(
        () => socket.write(request),
        (answered) => socket.once('data', (answer: Buffer) => answered(answer.toString('latin1', 9, 12) === '202')),
      )
    },
    close: () => socket.destroy(),
  }
}

async function connectSocket(relay: Relay): Promise<TimedSender> {
  const socket = new WebSocket(`${relay.wsUrl}/v1/deposit`, 'lethe.v1', { perMessageDeflate: false })
  await once(socket, 'open')
  const ACCEPTED = 0x81
  let ref = 0
  return {
    send(address, envelope) {
      const frame = encodeDepositFrame({ ref: ref++, ttlSeconds: 86_400, address, envelope })
      return measure(
        () => socket.send(frame),
        (answered) => socket.once('message', (answer: Buffer) => answered(answer[0] === ACCEPTED)),
      )
    },
    close: () => socket.terminate(),
  }
}

function measure(send: () => void, listen: (answered: (isAccepted: boolean) => void) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let startedMs = 0
    listen((isAccepted) => {
      const tookMicroseconds = (performance.now() - startedMs) * 1000
      if (isAccepted) resolve(tookMicroseconds)
      else reject(new Error('a deposit was refused'))
    })
    startedMs = performance.now()
    send()
  })
}
