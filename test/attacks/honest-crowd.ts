import { setTimeout as sleep } from 'node:timers/promises'
import type { Relay } from '../_util/relay.ts'
import { createEnvelope, createMailbox } from '../conformance/client.ts'
import { deposit } from '../conformance/http.ts'
import { HonestPair } from '../integration/honest-pair.ts'

/** What honest clients had of it in a stretch of time. */
export interface Served {
  /** Envelopes from deposit to acknowledgement, each on time and in order. */
  readonly rounds: number
  /** Of a round, in milliseconds. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Deposits of newcomers, each on a connection of its own: how many were tried, and accepted. */
  readonly newcomers: number
  readonly accepted: number
}

const PAIRS = 4
const PAUSE_MS = 10
const NEWCOMER_PAUSE_MS = 50

/** Pairs that exchange envelopes on their sockets, and newcomers who connect, deposit and go. */
export class HonestCrowd {
  readonly #relay: Relay
  readonly #pairs: readonly HonestPair[]
  #number = 0

  constructor(relay: Relay, pairs: readonly HonestPair[]) {
    this.#relay = relay
    this.#pairs = pairs
  }

  static async connect(relay: Relay): Promise<HonestCrowd> {
    return new HonestCrowd(relay, await Promise.all(Array.from({ length: PAIRS }, () => HonestPair.connect(relay))))
  }

  /** Rejects where an envelope does not arrive, or out of order. */
  async served(milliseconds: number): Promise<Served> {
    const endMs = performance.now() + milliseconds
    const tookMs: number[] = []
    const exchanging = this.#pairs.map(async (pair) => {
      while (performance.now() < endMs) {
        const startMs = performance.now()
        await pair.exchange(this.#number++)
        tookMs.push(performance.now() - startMs)
        await sleep(PAUSE_MS)
      }
    })
    let newcomers = 0
    let accepted = 0
    const coming = (async () => {
      while (performance.now() < endMs) {
        newcomers++
        const answer = await deposit(this.#relay, createMailbox().address, createEnvelope(4_000)).catch(() => undefined)
        if (answer?.status === 202) accepted++
        await sleep(NEWCOMER_PAUSE_MS)
      }
    })()
    await Promise.all([...exchanging, coming])
    tookMs.sort((a, b) => a - b)
    const at = (share: number) => tookMs[Math.floor(share * (tookMs.length - 1))] ?? Number.NaN
    return { rounds: tookMs.length, p50Ms: at(0.5), p99Ms: at(0.99), newcomers, accepted }
  }

  async close(): Promise<void> {
    await Promise.all(this.#pairs.map((pair) => pair.stop(Promise.resolve(0))))
  }
}
