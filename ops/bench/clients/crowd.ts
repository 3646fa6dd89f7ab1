import { setTimeout as sleep } from 'node:timers/promises'
import type { LetheProtocol } from './lethe.ts'
import type { Link, Target } from './protocol.ts'
import { openSocket, WebSocketConnection } from './websocket.ts'

/** Loopback addresses that connections come from, in turns: one of them has too few ports for thousands. */
const LOCAL_ADDRESSES = Array.from({ length: 8 }, (_, i) => `127.0.0.${i + 2}`)
const CONNECTS_AT_ONCE = 50
const RETRY_MS = 500
/** A client that has waited so long tries again. */
const ATTEMPT_MS = 10_000
const GIVE_UP_MS = 60_000

const localAddress = (index: number) => LOCAL_ADDRESSES[index % LOCAL_ADDRESSES.length] as string

/** A WebSocket on which nothing happens. */
class IdleConnection extends WebSocketConnection {
  protected override message(): void {}
  protected override lost(): void {}
}

/** What became of clients that all came at once. */
export interface Storm {
  /** Until the last of them had its mailbox, with what waited in it. */
  seconds: number
  /** Time of one client, in milliseconds. */
  p50Ms: number
  p99Ms: number
  /** Connections that were refused or ended and tried again. */
  retries: number
  /** Clients that got nothing within a minute. */
  failed: number
}

/** Many recipients at one server, without traffic of their own. */
export class Crowd {
  readonly #target: Target
  readonly #protocol: LetheProtocol
  #links: Link[] = []

  /** @param protocol whose mailboxes they open */
  constructor(target: Target, protocol: LetheProtocol) {
    this.#target = target
    this.#protocol = protocol
  }

  /** Opens so many further connections, a few at a time: mailboxes, or sockets on which nothing happens. */
  async hold({ count, kind }: { count: number; kind: 'mailbox' | 'idle' }): Promise<void> {
    const first = this.#links.length
    for (let i = first; i < first + count; i += CONNECTS_AT_ONCE) {
      const portion = Array.from({ length: Math.min(CONNECTS_AT_ONCE, first + count - i) }, (_, k) => i + k)
      this.#links.push(...(await Promise.all(portion.map((index) => this.#connect(index, kind)))))
    }
  }

  async release(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()))
    this.#links = []
  }

  /** All at once; each is there when its mailbox is open and drained and one envelope has come out of it. */
  async storm(): Promise<Storm> {
    const startedMs = performance.now()
    let retries = 0
    const arrive = async (recipient: number): Promise<number | undefined> => {
      // It comes once: an attempt that took too long may have brought it.
      const got = { isDelivered: false }
      while (performance.now() - startedMs < GIVE_UP_MS) {
        const link = await this.#tryMailbox(recipient, got)
        if (link) {
          this.#links.push(link)
          return performance.now() - startedMs
        }
        retries++
        await sleep(RETRY_MS * (0.5 + Math.random()))
      }
      return undefined
    }
    const all = await Promise.all(Array.from({ length: this.#target.recipients }, (_, i) => arrive(i)))
    const times = all.filter((time) => time !== undefined).sort((a, b) => a - b)
    return {
      seconds: (times.at(-1) ?? Number.NaN) / 1_000,
      p50Ms: times[times.length >> 1] ?? Number.NaN,
      p99Ms: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
      retries,
      failed: all.length - times.length,
    }
  }

  async #connect(index: number, kind: 'mailbox' | 'idle'): Promise<Link> {
    if (kind === 'idle') {
      return await openSocket(
        new IdleConnection({ port: this.#target.port, localAddress: localAddress(index) }, '/idle'),
      )
    }
    return await this.#protocol.connectRecipient(index, { delivered() {}, lost() {} }, localAddress(index))
  }

  async #tryMailbox(recipient: number, got: { isDelivered: boolean }): Promise<Link | undefined> {
    let isDrained = false
    let settle: (isThere: boolean) => void = () => {}
    const isThere = new Promise<boolean>((resolve) => {
      settle = resolve
    })
    const events = {
      delivered: () => {
        got.isDelivered = true
        if (isDrained) settle(true)
      },
      drained: () => {
        isDrained = true
        if (got.isDelivered) settle(true)
      },
      lost: () => settle(false),
    }
    const connecting = this.#protocol.connectRecipient(recipient, events, localAddress(recipient))
    connecting.catch(() => settle(false))
    const giveUp = setTimeout(() => settle(false), ATTEMPT_MS)
    const hasArrived = await isThere
    clearTimeout(giveUp)
    if (hasArrived) return await connecting
    connecting.then((link) => link.close()).catch(() => {})
    return undefined
  }
}
