import { readFileSync } from 'node:fs'
import type { Relay } from '../_util/relay.ts'
import { createEnvelope, createMailbox, idsOf, numbersOf } from '../conformance/client.ts'
import { acknowledge, deposit, fetchFrom } from '../conformance/http.ts'

/** One envelope from deposit to acknowledgement over HTTP; rejects where anything of it fails. */
export async function serveRound(relay: Relay, number: number): Promise<void> {
  const mailbox = createMailbox()
  const { status } = await deposit(relay, mailbox.address, createEnvelope(4_000, number))
  if (status !== 202) throw new Error(`a deposit was answered ${status}`)
  const { envelopes } = await fetchFrom(relay, mailbox)
  if (numbersOf(envelopes)[0] !== number) throw new Error(`envelope ${number} was not there`)
  const erased = await acknowledge(relay, mailbox, idsOf(envelopes))
  if (erased.status !== 204) throw new Error(`an acknowledgement was answered ${erased.status}`)
}

/** Bytes of memory that the relay's process takes now. */
export function residentBytes({ pid }: { pid: number }): number {
  const [, kibibytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) * 1_024
}

/** Settings under which `metric` gives what is so now. */
export const EXACT_METRICS: Readonly<Record<string, string>> = { LETHE_METRICS_EXACT: 'true' }

/** A gauge or counter of the admin listener, summed over its labels. */
export async function metric(relay: Relay, name: string): Promise<number> {
  const text = await (await fetch(`${relay.adminUrl}/metrics`)).text()
  const lines = text.split('\n').filter((line) => new RegExp(`^${name}(\\{| )`).test(line))
  if (lines.length === 0) throw new Error(`no metric ${name}`)
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
