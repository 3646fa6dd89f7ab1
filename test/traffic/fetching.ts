import type { Mailbox } from '../conformance/client.ts'
import { acknowledge, fetchFrom, type Signable } from '../conformance/http.ts'
import type { Ledger } from './ledger.ts'

const LARGE = 1
const SLOTS = [16, 4] as const

/** Fetches and acknowledges by signed requests until nothing waits that did when this was called. */
export async function empty(relay: Signable, mailbox: Mailbox, ledger: Ledger): Promise<void> {
  for (;;) {
    let isMore = false
    for (const [sizeIndex, slots] of SLOTS.entries()) {
      const { envelopes, waiting } = await fetchFrom(relay, mailbox, { sizeIndex, slots })
      isMore ||= (waiting & (1 << sizeIndex)) !== 0 || (sizeIndex === LARGE && (waiting & 1) !== 0)
      if (envelopes.length === 0) continue
      const numbers = envelopes.map((received) => ledger.received(mailbox, received))
      const { status } = await acknowledge(
        relay,
        mailbox,
        envelopes.map(({ id }) => id),
      )
      if (status !== 204) throw new Error(`an acknowledgement was answered ${status}`)
      for (const number of numbers) ledger.acknowledged(number)
    }
    if (!isMore) return
  }
}
