import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { DeliverySession } from '../../src/mailbox/delivery-session.ts'
import type { Announcement, MailboxStore, QueueName } from '../../src/mailbox/mailbox-store.ts'
import { OpenMailboxes } from '../../src/mailbox/open-mailboxes.ts'
import { deriveQueue } from '../../src/mailbox/sealing.ts'
import { createSystemRandom } from '../../src/mailbox/system-ports.ts'
import { ignoredCounts } from '../_util/counts.ts'
import { createManualClock } from '../_util/manual-clock.ts'
import { listeningOutlet, PLAIN_POLICY, turn } from '../_util/sessions.ts'
import { test } from '../_util/tap.ts'
import { range } from '../conformance/client.ts'

interface Case {
  /** Which of two secrets each relay knows while one is replaced, from one step of the rotation to the next. */
  readonly known: readonly (readonly number[])[]
  /** Whether queues have an order each, as in a Cluster, or all have one. */
  readonly hasChannels: boolean
}
const TWO = [
  [[0], [0]],
  [[0], [0, 1]],
  [[0, 1], [0]],
  [
    [0, 1],
    [1, 0],
  ],
  [[1, 0], [1]],
]
const THREE = [
  [[0], [0], [0]],
  [
    [0, 1],
    [1, 0],
    [0, 1],
  ],
]
// Three at once that do not know the same secrets, or in a Cluster, can all lose: see docs/protocol.md.
const CASES: readonly Case[] = [
  ...[...TWO, ...THREE].map((known) => ({ known, hasChannels: false })),
  ...TWO.map((known) => ({ known, hasChannels: true })),
]

type Said = readonly [wakeKey: string, kind: Announcement['kind'], session: string]

/**
 * Relays that hear what was announced each at its own pace: with one channel all in one order, as from one Redis; with a
 * channel for each queue in one order each, as from a Cluster.
 */
class Announced {
  readonly #logs = new Map<string, Said[]>()
  readonly #onTheWay: { readonly log: string; readonly said: Said }[][]
  readonly #heard: Map<string, number>[]
  readonly #hasChannels: boolean
  readonly openMailboxes: readonly OpenMailboxes[]

  constructor(relays: number, hasChannels: boolean) {
    const clock = createManualClock(Date.UTC(2026, 0, 1))
    this.#hasChannels = hasChannels
    this.#onTheWay = range(0, relays).map(() => [])
    this.#heard = range(0, relays).map(() => new Map())
    this.openMailboxes = range(0, relays).map(() => new OpenMailboxes(clock, ignoredCounts, () => {}))
  }

  /** An empty store behind the relay, of which only the announcements matter here. */
  storeOf(relay: number): MailboxStore {
    const store: Partial<MailboxStore> = {
      follow: async () => {},
      unfollow: () => {},
      survey: async () => [],
      nowSeconds: () => 1_800_000_000,
      announce: async ({ wakeTag }: QueueName, { kind, session }: Announcement) => {
        const wakeKey = Buffer.from(wakeTag).toString('latin1')
        const said = [wakeKey, kind, Buffer.from(session).toString('latin1')] as const
        this.#onTheWay[relay]?.push({ log: this.#hasChannels ? wakeKey : '', said })
      },
    }
    return store as MailboxStore
  }

  /** What can happen next: something reaches the store, or a relay hears the next of a channel. */
  steps(): (() => void)[] {
    const arrivals = this.#onTheWay.flatMap((waiting) => (waiting.length > 0 ? [() => this.#arrive(waiting)] : []))
    const hearings = this.#heard.flatMap((heard, relay) =>
      [...this.#logs].flatMap(([log, all]) => {
        const next = heard.get(log) ?? 0
        return next < all.length ? [() => this.#hear(relay, log, next)] : []
      }),
    )
    return [...arrivals, ...hearings]
  }

  #arrive(waiting: { readonly log: string; readonly said: Said }[]): void {
    const { log, said } = waiting.shift() as { log: string; said: Said }
    const all = this.#logs.get(log) ?? []
    this.#logs.set(log, [...all, said])
  }

  #hear(relay: number, log: string, at: number): void {
    this.#heard[relay]?.set(log, at + 1)
    const said = this.#logs.get(log)?.[at] as Said
    this.openMailboxes[relay]?.announced(...said)
  }
}

/** Opens one mailbox through every relay, in the order that `choices` give. @returns what each session said */
async function openEverywhere(
  secrets: readonly (readonly number[])[],
  hasChannels: boolean,
  choices: readonly number[],
) {
  const announced = new Announced(secrets.length, hasChannels)
  const material = [randomBytes(32), randomBytes(32)]
  const address = randomBytes(32)
  const said: string[][] = secrets.map(() => [])
  const opens = secrets.map((known, relay) => () => {
    const queues = known.map((secret) => deriveQueue(material[secret] as Buffer, address))
    const parts = {
      store: announced.storeOf(relay),
      clock: createManualClock(Date.UTC(2026, 0, 1)),
      policy: PLAIN_POLICY,
      random: createSystemRandom(),
      openMailboxes: announced.openMailboxes[relay] as OpenMailboxes,
      counts: ignoredCounts,
    }
    void new DeliverySession(parts, queues, listeningOutlet(said[relay] as string[])).open()
  })
  for (let step = 0; ; step++) {
    const possible = [...announced.steps(), ...opens]
    if (possible.length === 0) break
    const chosen = possible[(choices[step % choices.length] as number) % possible.length] as () => void
    const at = opens.indexOf(chosen)
    if (at >= 0) opens.splice(at, 1)
    chosen()
    await turn()
  }
  for (const openMailboxes of announced.openMailboxes) openMailboxes.close()
  return said
}

test('[protocol §5] of several OPENs exactly one stays, whatever each relay heard when, and whichever secrets it knows', async (t) => {
  const schedule = fc.array(fc.nat(11), { minLength: 8, maxLength: 40 })
  const property = fc.asyncProperty(fc.constantFrom(...CASES), schedule, async ({ known, hasChannels }, choices) => {
    const said = await openEverywhere(known, hasChannels, choices)
    const staying = said.filter((words) => words.includes('opened') && words.at(-1) !== 'displaced').length
    const displaced = said.filter((words) => words.at(-1) === 'displaced').length
    return staying === 1 && displaced === known.length - 1
  })
  await t.resolves(fc.assert(property, { numRuns: 5000 }))
})
